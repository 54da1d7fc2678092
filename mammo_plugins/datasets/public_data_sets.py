"""Data sets that have a converter, each with its kinds of lesions."""

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import categories

from .exam_dataset import ExamDataset


@DATASETS.register_module()
class CBISDDSM(ExamDataset):
    """CBIS-DDSM; ``mammo convert cbis-ddsm``."""

    METAINFO = dict(classes=categories.CBIS_DDSM)


@DATASETS.register_module()
class CDDCESM(ExamDataset):
    """CDD-CESM; ``mammo convert cdd-cesm``."""

    METAINFO = dict(classes=categories.CDD_CESM)


@DATASETS.register_module()
class CMMD(ExamDataset):
    """CMMD; ``mammo convert cmmd``."""

    METAINFO = dict(classes=categories.CMMD)


@DATASETS.register_module()
class DDSM(ExamDataset):
    """DDSM; ``mammo convert ddsm``."""

    METAINFO = dict(classes=categories.DDSM)


@DATASETS.register_module()
class EMBED(ExamDataset):
    """EMBED; ``mammo convert embed``."""

    METAINFO = dict(classes=categories.EMBED)


@DATASETS.register_module()
class INbreast(ExamDataset):
    """INbreast; ``mammo convert inbreast``."""

    METAINFO = dict(classes=categories.INBREAST)


@DATASETS.register_module()
class MiniMIAS(ExamDataset):
    """mini-MIAS; ``mammo convert mini-mias``."""

    METAINFO = dict(classes=categories.MINI_MIAS)


@DATASETS.register_module()
class Phantom(ExamDataset):
    """The phantom; ``mammo phantom``."""

    METAINFO = dict(classes=categories.PHANTOM)


@DATASETS.register_module()
class RSNA(ExamDataset):
    """The RSNA set of 2022; ``mammo convert rsna``."""

    METAINFO = dict(classes=categories.RSNA)


@DATASETS.register_module()
class SynthMammograms(ExamDataset):
    """M-SYNTH and T-SYNTH; ``mammo convert synth``."""

    METAINFO = dict(classes=categories.SYNTH)


@DATASETS.register_module()
class VinDrMammo(ExamDataset):
    """VinDr-Mammo; ``mammo convert vindr-mammo``."""

    METAINFO = dict(classes=categories.VINDR_MAMMO)
