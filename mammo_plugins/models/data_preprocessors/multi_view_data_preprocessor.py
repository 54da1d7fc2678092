"""Batches of samples with several views."""

import torch

from mammo_plugins.models.multi_view import ViewBatch, ViewMask
from mammo_plugins.registry import MODELS

from .mammogram_data_preprocessor import MammogramDataPreprocessor


@MODELS.register_module()
class MultiViewDataPreprocessor(MammogramDataPreprocessor):
    """Normalize and pad all views of a batch to one size.

    Like mmdet's ``TrackDataPreprocessor``, but with named views, which may be missing.
    A batch of single images is processed as in :class:`MammogramDataPreprocessor`.

    Args:
        pad_seg (bool): Whether to pad segmentation maps, with 255. Defaults to
            True.
        **kwargs: As in :class:`MammogramDataPreprocessor`.
    """

    def __init__(self, pad_seg: bool = True, **kwargs) -> None:
        super().__init__(pad_seg=pad_seg, **kwargs)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Batch, normalize and pad.

        Args:
            data (dict): ``inputs``, for each view a list of (1, H, W) tensors, or of
                ``None`` if a sample lacks the view; and ``data_samples``, a list of
                :obj:`MultiViewDataSample`.
            training (bool): Whether to pad segmentation maps too.

        Returns:
            dict: ``inputs``, for each view a tensor (n, num_channels, H', W') with the
            n samples that have it, in the order of the batch; a view that no sample has
            is absent. ``data_samples`` as given, with tensors moved to the device.
        """
        if not isinstance(data['inputs'], dict):
            return super().forward(data, training)
        # labels of the whole sample move too; views come back moved below
        samples = [sample.new().to(self.device) for sample in data['data_samples']]
        names = [
            name
            for name, images in data['inputs'].items()
            if any(image is not None for image in images)
        ]
        mask = ViewMask(
            names,
            torch.tensor(
                [
                    [data['inputs'][name][i] is not None for name in names]
                    for i in range(len(samples))
                ]
            ),
        )
        flat = super().forward(
            dict(
                inputs=[data['inputs'][name][i] for i, name in mask.places],
                data_samples=mask.samples(samples),
            ),
            training,
        )
        for (i, name), sample in zip(mask.places, flat['data_samples']):
            samples[i].set_data({name: sample})
        return dict(inputs=ViewBatch(mask, flat['inputs']).views, data_samples=samples)
