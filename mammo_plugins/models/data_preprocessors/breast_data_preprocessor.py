"""Batches of breasts, with mmpretrain's batch augmentations."""

import torch
from mmpretrain.models.utils.batch_augments import RandomBatchAugment
from torch import Tensor
from torch.nn.functional import one_hot

from mammo_plugins.models.multi_view import ViewBatch
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import VIEWS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .multi_view_data_preprocessor import MultiViewDataPreprocessor


@MODELS.register_module()
class BreastDataPreprocessor(MultiViewDataPreprocessor):
    """Normalize and pad the views of breasts, and mix breasts.

    Args:
        batch_augments (dict, optional): ``dict(augments=..., probs=...)`` of
            mmpretrain's ``RandomBatchAugment``, such as ``Mixup`` and ``CutMix``. Both
            views of a breast are mixed with those of one other breast, with the same
            weight and, for CutMix, at the same position. Breasts with a missing view
            are left unchanged. Defaults to ``None``.
        num_classes (int): Length of the one-hot labels of mixed breasts. Defaults to 2.
        **kwargs: As in :class:`MultiViewDataPreprocessor`.
    """

    def __init__(
        self, batch_augments: dict | None = None, num_classes: int = 2, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.augment = RandomBatchAugment(**batch_augments) if batch_augments else None

    def forward(self, data: dict, training: bool = False) -> dict:
        """Batch, normalize, pad and, in training, mix.

        Args:
            data (dict): As in :class:`MultiViewDataPreprocessor`.
            training (bool): Whether to mix.

        Returns:
            dict: ``inputs`` and ``data_samples``; if breasts are mixed, all samples
            have ``gt_score`` (num_classes, ).
        """
        data = super().forward(data, training)
        if training and self.augment is not None:
            self._mix(data['inputs'], data['data_samples'])
        return data

    def _mix(
        self, inputs: dict[str, Tensor], samples: list[MultiViewDataSample]
    ) -> None:
        scores = one_hot(
            torch.cat([sample.gt_label for sample in samples]), self.num_classes
        ).float()
        batch = ViewBatch.gather(inputs, samples, VIEWS)
        both = batch.mask.rows_with(*VIEWS)
        if len(both) > 1:
            # views as channels: one draw applies to all of them
            stacked, mixed = self.augment(
                torch.cat(list(batch.select(both).views.values()), dim=1), scores[both]
            )
            scores[both] = mixed
            rows = [batch.mask.row(i, view) for view in VIEWS for i in both]
            inputs.update(
                batch.scattered(rows, torch.cat(stacked.chunk(len(VIEWS), dim=1))).views
            )
        for sample, score in zip(samples, scores):
            sample.gt_score = score
