"""The data sample of several views."""
from typing import List

from mmengine.structures import BaseDataElement

VIEW_NAMES = ('main', 'ipsilateral', 'bilateral', 'CC', 'MLO', 'RCC', 'LCC',
              'RMLO', 'LMLO')


class MultiViewDataSample(BaseDataElement):
    """Annotations and predictions of the views of one sample.

    As mmdet's ``TrackDataSample``, but by name: each view that was taken is a data
    field, an mmdet ``DetDataSample``; a view that was not is absent. The names are
    those of :class:`~mammo_plugins.datasets.ExamDataset`: ``main``,
    ``ipsilateral``, ``bilateral``; ``CC``, ``MLO``; or ``RCC`` and so on.

    Example:
        >>> sample = MultiViewDataSample(metainfo=dict(exam_id='e1'))
        >>> sample.main = DetDataSample()
        >>> sample.view_names
        ['main']
        >>> 'ipsilateral' in sample
        False
    """

    @property
    def view_names(self) -> List[str]:
        """list[str]: Names of the views that are there."""
        return [name for name in VIEW_NAMES if name in self]
