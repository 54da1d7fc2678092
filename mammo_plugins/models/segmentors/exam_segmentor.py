"""Base class of networks that segment masses in the four views of an exam."""

import torch
from mmdet.structures import DetDataSample
from mmdet.utils import reduce_mean
from mmengine.model import bias_init_with_prob
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.nn import functional as F

from mammo_plugins.models.multi_view import MultiViewModel, ViewBatch
from mammo_plugins.models.utils import mean_over_processes
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES, VIEWS, with_modality
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.structures.segmentation import IGNORED

_MASS_AT_FIRST = 0.01  # probability


def drawn_map(view: DetDataSample) -> Tensor:
    """Return the map of a view's lesions, (1, H, W): 1 in masses, 255 ignored.

    Raises:
        ValueError: If the view has no map.
    """
    if 'gt_sem_seg' not in view:
        raise ValueError(
            f'image {view.get("img_id")}: no map of lesions; the training '
            'pipeline needs DrawLesionMap'
        )
    return view.gt_sem_seg.sem_seg


def mass_logits(in_channels: int) -> nn.Conv2d:
    """Return a network's last layer, with one channel and low initial probabilities.

    Masses are rare, so the bias is initialized as in Lin et al. (2017, 4.1). NaFV-Net
    does not state an initialization.
    """
    layer = nn.Conv2d(in_channels, 1, 1)
    nn.init.constant_(layer.bias, bias_init_with_prob(_MASS_AT_FIRST))
    return layer


class ExamSegmentor(MultiViewModel):
    """Base class of networks that segment masses in CC and MLO of both breasts.

    A subclass implements :meth:`logits`. All four views must exist.

    NaFV-Net names no loss. Here it is binary cross entropy over all pixels and Dice, as
    in TransUNet. Weights of 1 for both and Dice over only the views with a mass are our
    choice.

    Args:
        modality (str, optional): Modality of the views, 'CEM-RC' for recombined images.
            Defaults to ``None`` for data of one modality.
        loss_dice (dict): Loss of the probabilities. Defaults to mmdet's ``DiceLoss``.
        data_preprocessor (dict, optional): A :class:`MultiViewDataPreprocessor`.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    # the map does not distinguish kinds of lesions: the data may have one class
    num_classes = 1

    def __init__(
        self,
        modality: str | None = None,
        loss_dice: dict = dict(type='mmdet.DiceLoss', activate=False, naive_dice=True),
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.modality = modality
        self.loss_dice = MODELS.build(loss_dice)

    def view_name(self, side: str, projection: str) -> str:
        """Return the name of a view in the inputs."""
        return with_modality(side + projection, self.modality)

    def views_of(self, sample: MultiViewDataSample, side: str) -> list[DetDataSample]:
        """Return the views of a side that are segmented, CC before MLO."""
        return [sample.get(self.view_name(side, projection)) for projection in VIEWS]

    def segmented_area(self, sample: MultiViewDataSample, side: str) -> int:
        """Return the number of mass pixels that :meth:`predict` found in a side."""
        return sum(
            int(view.pred_sem_seg.sem_seg.sum()) for view in self.views_of(sample, side)
        )

    @property
    def view_names(self) -> list[str]:
        """list[str]: Names of the views that are segmented."""
        return [
            self.view_name(side, projection)
            for side in LATERALITIES
            for projection in VIEWS
        ]

    def lined_up(self, inputs: dict[str, Tensor]) -> ViewBatch:
        """Line up the views that are segmented."""
        return ViewBatch.whole({name: inputs[name] for name in self.view_names})

    def logits(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute logits of mass.

        Args:
            inputs (dict[str, Tensor]): By view, (N, C, H, W), with breasts facing the
                same way, of the size that the network is built for.

        Returns:
            dict[str, Tensor]: By view, (N, 1, H, W).
        """
        raise NotImplementedError

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`logits`.
            data_samples (list[:obj:`MultiViewDataSample`]): Views with ``gt_sem_seg``.

        Returns:
            dict[str, Tensor]: ``loss_bce`` and ``loss_dice``. In distributed training
            all processes divide by the same numbers of pixels and views.
        """
        found = ViewBatch.whole(self.logits(inputs))
        logits = found.rows
        target = torch.stack(
            [drawn_map(view) for view in found.mask.samples(data_samples)]
        ).float()
        known = target != IGNORED
        bce = mean_over_processes(
            F.binary_cross_entropy_with_logits(
                logits[known], target[known], reduction='none'
            ),
            known.sum(),
        )
        # without a mass, Dice would be that of noise: use only views with one
        seen = ((target == 1) & known).flatten(1).any(dim=1)
        # all processes divide by the same, so that views weigh alike
        number = reduce_mean(seen.sum().float())
        dice = self.loss_dice(
            (logits.sigmoid() * known)[seen].flatten(1),
            ((target == 1) & known)[seen].flatten(1).float(),
            avg_factor=number.clamp(min=1e-6),
        )
        return dict(loss_bce=bce, loss_dice=dice)

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> list[MultiViewDataSample]:
        """Segment masses.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`logits`.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.

        Returns:
            list[:obj:`MultiViewDataSample`]: The samples, their views with
            ``pred_sem_seg``: ``sem_seg`` (1, H, W), 1 in masses, and ``probability`` of
            the same size; metainfo ``affected_side`` is the side with more mass pixels,
            'R' if both have the same number, or ``None`` if neither has any.
        """
        found = {name: part.sigmoid() for name, part in self.logits(inputs).items()}
        for i, sample in enumerate(data_samples):
            for name in self.view_names:
                view = sample.get(name)
                height, width = view.img_shape[:2]  # without padding
                probability = found[name][i, :, :height, :width]
                view.pred_sem_seg = PixelData(
                    sem_seg=(probability > 0.5).long(), probability=probability
                )
            areas = {side: self.segmented_area(sample, side) for side in LATERALITIES}
            most = max(areas, key=areas.get)
            sample.set_metainfo(dict(affected_side=most if areas[most] else None))
        return data_samples

    def _forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample] | None = None,
    ) -> dict[str, Tensor]:
        """Return :meth:`logits`."""
        return self.logits(inputs)
