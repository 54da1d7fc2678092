"""The data sets that there are converters for; each knows its kinds of lesions."""

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import categories

from .exam_dataset import ExamDataset


@DATASETS.register_module()
class CBISDDSM(ExamDataset):
    """CBIS-DDSM; ``tools/dataset_converters/cbis_ddsm.py``."""

    METAINFO = dict(classes=categories.CBIS_DDSM)


@DATASETS.register_module()
class CDDCESM(ExamDataset):
    """CDD-CESM; ``tools/dataset_converters/cdd_cesm.py``."""

    METAINFO = dict(classes=categories.CDD_CESM)


@DATASETS.register_module()
class CMMD(ExamDataset):
    """CMMD; ``tools/dataset_converters/cmmd.py``."""

    METAINFO = dict(classes=categories.CMMD)


@DATASETS.register_module()
class DDSM(ExamDataset):
    """DDSM; ``tools/dataset_converters/ddsm.py``."""

    METAINFO = dict(classes=categories.DDSM)


@DATASETS.register_module()
class EMBED(ExamDataset):
    """EMBED; ``tools/dataset_converters/embed.py``."""

    METAINFO = dict(classes=categories.EMBED)


@DATASETS.register_module()
class INbreast(ExamDataset):
    """INbreast; ``tools/dataset_converters/inbreast.py``."""

    METAINFO = dict(classes=categories.INBREAST)


@DATASETS.register_module()
class MiniMIAS(ExamDataset):
    """mini-MIAS; ``tools/dataset_converters/mini_mias.py``."""

    METAINFO = dict(classes=categories.MINI_MIAS)


@DATASETS.register_module()
class Phantom(ExamDataset):
    """The phantom; ``tools/dataset_converters/phantom.py``."""

    METAINFO = dict(classes=categories.PHANTOM)


@DATASETS.register_module()
class RSNA(ExamDataset):
    """The RSNA set of 2022; ``tools/dataset_converters/rsna.py``."""

    METAINFO = dict(classes=categories.RSNA)


@DATASETS.register_module()
class SynthMammograms(ExamDataset):
    """M-SYNTH and T-SYNTH; ``tools/dataset_converters/synth.py``."""

    METAINFO = dict(classes=categories.SYNTH)


@DATASETS.register_module()
class VinDrMammo(ExamDataset):
    """VinDr-Mammo; ``tools/dataset_converters/vindr_mammo.py``."""

    METAINFO = dict(classes=categories.VINDR_MAMMO)
