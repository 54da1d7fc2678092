"""Base class of mammogram classifiers."""

from mmpretrain.models import ImageClassifier

from mammo_plugins.registry import MODELS


class MammogramClassifier(ImageClassifier):
    """``ImageClassifier`` that finds this package's components by plain names.

    Args:
        backbone, neck, head, init_cfg: As in ``ImageClassifier``.
        train_cfg (dict, optional): Passed to the data preprocessor as
            ``batch_augments``, as in ``ImageClassifier``.
        data_preprocessor (dict, optional): ``default_preprocessor`` of the class unless
            you name another type.
    """

    default_preprocessor = 'mammo.MammogramDataPreprocessor'

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        train_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None or isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(
                dict(
                    dict(type=self.default_preprocessor, batch_augments=train_cfg),
                    **(data_preprocessor or {}),
                )
            )
        # built here: mmpretrain's registry does not know the plain names of this
        # package
        backbone, neck, head = (
            MODELS.build(part) if isinstance(part, dict) else part
            for part in (backbone, neck, head)
        )
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
