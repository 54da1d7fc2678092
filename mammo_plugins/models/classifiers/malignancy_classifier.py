"""Malignancy of patches."""

from torch import Tensor, cat

from mammo_plugins.registry import MODELS

from .mammogram_classifier import MammogramClassifier

# patches per pass through the backbone
CHUNK = 32


@MODELS.register_module()
class MalignancyClassifier(MammogramClassifier):
    """Malignancy classifier of MommiNet-v2 (section 3.7).

    mmpretrain's ``ImageClassifier`` with a :class:`MalignancyHead`, and
    :meth:`predict_patches` for a detector that crops its own patches.

    Args:
        backbone (dict): DenseNet-121 in the paper.
        neck (dict, optional): Such as ``GlobalAveragePooling``.
        head (dict, optional): A :class:`MalignancyHead`.
        train_cfg (dict, optional): Passed to the data preprocessor as
            ``batch_augments``, as in ``ImageClassifier``.
        data_preprocessor (dict, optional): :class:`MammogramDataPreprocessor` unless
            you name another type.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    def predict_patches(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Predict a batch of patches.

        Args:
            patches (Tensor): Normalized as by the data preprocessor, shape
                (n, C, h, w); n may be 0.

        Returns:
            tuple[Tensor, Tensor]: Probability of malignancy and BI-RADS score in
            [0, 1], each of shape (n, ).
        """
        if not len(patches):
            return patches.new_zeros(0), patches.new_zeros(0)
        found = [
            self.head.scores(self.extract_feat(part)) for part in patches.split(CHUNK)
        ]
        probabilities, birads_scores = map(cat, zip(*found))
        return probabilities[:, 1], birads_scores
