"""Normal mammograms to insert lesions into, with real lesions for comparison."""

import copy

import numpy as np
from mmengine.logging import print_log

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import AnnotationError

from .exam_dataset import ExamDataset


@DATASETS.register_module()
class BlendingDataset(ExamDataset):
    """Views without lesions as samples, each paired with a random view with lesions.

    For :class:`BlendingGAN` (Lin et al., section 2): ``views = {'normal', 'real'}``,
    the set X of "normal" images and a draw from those with lesions, Y. A view is
    normal if it has no lesion of ``classes``. A view with ignored regions (``iscrowd``,
    ``ignored_classes``) and no lesion is neither, since the content of these regions is
    unknown. It is left out.

    Args:
        **kwargs: As in :class:`ExamDataset`, but for ``target`` and ``partners``.

    Raises:
        AnnotationError: As :class:`ExamDataset`; if there is no normal view or no view
            with a lesion; with ``test_mode=True``, since validation and test never use
            synthetic images.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, target='view', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Returns:
            list[dict]: One entry per normal view.
        """
        if self.test_mode:
            raise AnnotationError(
                f'{self.ann_file}: BlendingDataset is for training; '
                'synthetic images never enter validation or test'
            )
        samples = super().load_data_list()
        self.real: list[dict] = []
        normal: list[dict] = []
        unknown = 0
        for sample in samples:
            view = sample['views']['main']
            lesions = [
                lesion for lesion in view['instances'] if not lesion['ignore_flag']
            ]
            if lesions:
                self.real.append(dict(view, instances=lesions))
            elif view['instances']:
                unknown += 1
            else:
                normal.append(dict(sample, views=dict(normal=view)))
        if unknown:
            print_log(
                f'{self.ann_file}: {unknown} views left out that have regions to be '
                'ignored and no lesion: neither normal nor with one',
                logger='current',
            )
        if not normal or not self.real:
            raise AnnotationError(
                f'{self.ann_file}: {len(normal)} views without a lesion of '
                f'{", ".join(self.metainfo["classes"])} and {len(self.real)} with; '
                'BlendingDataset needs both'
            )
        return normal

    def prepare_data(self, idx: int) -> dict:
        """Return a normal view with a random real one, through the pipeline."""
        sample = self.get_data_info(idx)
        draw = int(np.random.randint(len(self.real)))
        sample['views']['real'] = copy.deepcopy(self.real[draw])
        return self.pipeline(sample)
