"""Shared code of backbones with a Siamese input module."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mammo_plugins.models.utils import warp_features


class SiameseFusion(BaseModule):
    """Fuse the features of two images, branch by branch.

    Main and auxiliary features are concatenated and reduced by a 1 x 1 convolution to
    the main's channels (MommiNet-v2, section 3.4). The paper does not state the
    initialization of the convolution. Here it starts as the identity on the main
    features plus small random weights on the auxiliary ones, so that the pretrained
    later stages initially get the input that they were trained on.

    Args:
        channels (Sequence[int]): Channels of each branch.
        std (float): Standard deviation of the initial weights on the auxiliary
            features. Defaults to 0.01.
    """

    def __init__(self, channels: Sequence[int], std: float = 0.01) -> None:
        super().__init__()
        self.std = std
        self.convs = nn.ModuleList(nn.Conv2d(2 * c, c, 1) for c in channels)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialize close to the identity on the main features."""
        for conv in self.convs:
            channels = conv.out_channels
            nn.init.normal_(conv.weight, std=self.std)
            nn.init.zeros_(conv.bias)
            with torch.no_grad():
                conv.weight[:, :channels] = torch.eye(channels)[..., None, None]

    def forward(
        self, main: Sequence[Tensor], auxiliary: Sequence[Tensor], rows: Tensor | None
    ) -> list[Tensor]:
        """Fuse the features of main and auxiliary images.

        Args:
            main (Sequence[Tensor]): By branch (N, C, H, W).
            auxiliary (Sequence[Tensor]): By branch (n, C, H, W).
            rows (Tensor, optional): The n rows of ``main`` that have an auxiliary
                image; the others are left unchanged. ``None`` means all.

        Returns:
            list[Tensor]: By branch (N, C, H, W).
        """
        if rows is None:
            return [
                conv(torch.cat(pair, 1))
                for conv, *pair in zip(self.convs, main, auxiliary)
            ]
        partnered = self([branch[rows] for branch in main], auxiliary, None)
        return [
            branch.index_copy(0, rows, fused.to(branch.dtype))
            for branch, fused in zip(main, partnered)
        ]


class SiameseMixin:
    """Backbone mixin: two inputs through shared stages, then one stream.

    The backbone implements each stage in :meth:`forward_stage`. Stages up to
    ``concat_stage`` process both images with the same weights. Later stages process
    only the main stream. Parameters have the same names as in the plain backbone, so
    its pretrained weights load. Only ``fusion`` is new.
    """

    def _build_fusion(
        self, stage_channels: Sequence[Sequence[int]], concat_stage: int
    ) -> None:
        """Build the fusion module.

        Args:
            stage_channels (Sequence[Sequence[int]]): Channels of each branch, for each
                stage after which features may be concatenated, from stage 1 on.
            concat_stage (int): Stage, counted from 1.
        """
        if concat_stage not in range(1, len(stage_channels) + 1):
            raise ValueError(
                f'{type(self).__name__}.concat_stage: {concat_stage}; expected '
                f'1 to {len(stage_channels)}'
            )
        self.concat_stage = concat_stage
        self.fusion = SiameseFusion(stage_channels[concat_stage - 1])

    @property
    @abstractmethod
    def output_stages(self) -> tuple[int, ...]:
        """tuple[int]: Stages whose branches are returned, counted from 1."""

    @abstractmethod
    def forward_stage(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Run one stage.

        Args:
            stage (int): Counted from 1; 0 is the stem.
            branches (list[Tensor]): Output of the stage before, by branch
                (N, C, H, W).
        """

    def forward(
        self,
        main: Tensor,
        auxiliary: Tensor | None = None,
        rows: Sequence[int] | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Extract features of the main images, fused with the auxiliary ones.

        Args:
            main (Tensor): (N, C, H, W).
            auxiliary (Tensor, optional): (n, C, H, W), registered onto those main
                images that have one. If there are none, nothing is fused, and the
                result equals the plain backbone's.
            rows (Sequence[int], optional): The n rows of ``main`` that the auxiliary
                images belong to, without repeats. Defaults to ``None``, all rows.
            places (Tensor, optional): (n, 2, H / 4, W / 4), from
                :func:`~mammo_plugins.models.utils.registered_places`. With them, the
                auxiliary images are not registered, but their features are. Defaults to
                ``None``.

        Returns:
            tuple[Tensor]: As from the plain backbone.

        Raises:
            ValueError: If the number of auxiliary images differs from that of ``rows``.
        """
        if auxiliary is None or not len(auxiliary):
            return self.finish(*self.encode(main))
        rows = self._check_rows(len(main), auxiliary, rows)
        # one pass for both: the same weights, and one set of batch statistics
        outs, branches = self.encode(torch.cat([main, auxiliary]))
        halves = zip(*(b.split([len(main), len(auxiliary)]) for b in branches))
        return self.finish([out[: len(main)] for out in outs], *halves, rows, places)

    def encode(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Run the shared stages, once per image.

        Args:
            images (Tensor): (N, C, H, W).

        Returns:
            tuple: Outputs of the stages before ``concat_stage``, and the branches after
            it, for :meth:`finish`.
        """
        outs, branches = [], [images]
        for stage in range(self.concat_stage + 1):
            if stage - 1 in self.output_stages:
                outs.extend(branches)
            branches = self.forward_stage(stage, branches)
        return outs, branches

    def finish(
        self,
        outs: Sequence[Tensor],
        main: Sequence[Tensor],
        auxiliary: Sequence[Tensor] | None = None,
        rows: Tensor | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Fuse both images' features and run the remaining stages.

        Args:
            outs (Sequence[Tensor]), main (Sequence[Tensor]): The main images' results
                of :meth:`encode`.
            auxiliary (Sequence[Tensor], optional): The auxiliary images' branches from
                :meth:`encode`. Defaults to ``None``: nothing is fused.
            rows (Tensor, optional): As in :class:`SiameseFusion`.
            places (Tensor, optional): As in :meth:`forward`.

        Returns:
            tuple[Tensor]: As from the plain backbone.
        """
        branches = list(main)
        if auxiliary is not None:
            if places is not None:
                auxiliary = [
                    warp_features(
                        branch,
                        # a coarse cell's centre is the mean of those of its cells
                        F.interpolate(places, own.shape[-2:], mode='area'),
                    )
                    for own, branch in zip(main, auxiliary)
                ]
            branches = self.fusion(main, auxiliary, rows)
        elif self.training:
            # distributed training expects a gradient for every parameter
            nothing = 0.0 * sum(p.sum() for p in self.fusion.parameters())
            branches = [b + nothing for b in branches]
        outs = list(outs)
        for stage in range(self.concat_stage, max(self.output_stages) + 1):
            if stage > self.concat_stage:
                branches = self.forward_stage(stage, branches)
            if stage in self.output_stages:
                outs.extend(branches)
        return tuple(outs)

    @staticmethod
    def _check_rows(
        num_main: int, auxiliary: Tensor, rows: Sequence[int] | None
    ) -> Tensor | None:
        num_rows = num_main if rows is None else len(rows)
        if num_rows != len(auxiliary):
            raise ValueError(
                f'{len(auxiliary)} auxiliary images for {num_rows} main images; '
                'expected one each. Use rows to say which main images have one'
            )
        if rows is None or list(rows) == list(range(num_main)):
            return None
        return torch.as_tensor(rows, device=auxiliary.device)
