"""The data sample of several views."""

from mmengine.structures import BaseDataElement

from .exam import EXAM_VIEWS, LATERALITIES, MODALITIES, ROLES, VIEWS, with_modality

VIEW_NAMES = (
    *ROLES,
    *VIEWS,
    *LATERALITIES,
    *EXAM_VIEWS,
    *(with_modality(view, modality) for modality in MODALITIES for view in EXAM_VIEWS),
)


class MultiViewDataSample(BaseDataElement):
    """Annotations and predictions of the views of one sample.

    Like mmdet's ``TrackDataSample``, but with names: each existing view is a data
    field, an mmdet ``DetDataSample``; missing views are absent. The names are those of
    :class:`~mammo_plugins.datasets.ExamDataset`: ``main``, ``ipsilateral``,
    ``bilateral``; ``CC``, ``MLO``; ``R``, ``L``; or ``RCC`` and so on. ``gt_label``
    (LongTensor (1, )) exists if the data set has classes.

    Example:
        >>> sample = MultiViewDataSample(metainfo=dict(exam_id='e1'))
        >>> sample.main = DetDataSample()
        >>> sample.view_names
        ['main']
        >>> 'ipsilateral' in sample
        False
    """

    @property
    def view_names(self) -> list[str]:
        """list[str]: Names of the existing views."""
        return [name for name in VIEW_NAMES if name in self]


def views_of(sample: BaseDataElement) -> list[BaseDataElement]:
    """Return the views of a sample, which is one view or contains several.

    Args:
        sample (DetDataSample | MultiViewDataSample): The sample.
    """
    if isinstance(sample, MultiViewDataSample):
        return [sample.get(name) for name in sample.view_names]
    return [sample]
