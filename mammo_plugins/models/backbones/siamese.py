"""What backbones with a Siamese input module share."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mammo_plugins.models.utils import warp_features


class SiameseFusion(BaseModule):
    """Reduce the features of two images to those of one, branch by branch.

    Main and auxiliary features are concatenated and reduced by a 1 x 1 convolution
    to the main's channels (MommiNet-v2, section 3.4). Papers leave open how the
    convolution starts. Here it is the identity on the main features plus small
    random weights on the auxiliary ones, so that pretrained later stages get at
    first what they are used to.

    Args:
        channels (Sequence[int]): Channels of each branch.
        std (float): Standard deviation of the first weights on the auxiliary
            features. Defaults to 0.01.
    """

    def __init__(self, channels: Sequence[int], std: float = 0.01) -> None:
        super().__init__()
        self.std = std
        self.convs = nn.ModuleList(nn.Conv2d(2 * c, c, 1) for c in channels)
        self.init_weights()

    def init_weights(self) -> None:
        """Start as the identity on the main features, or nearly so."""
        for conv in self.convs:
            channels = conv.out_channels
            nn.init.normal_(conv.weight, std=self.std)
            nn.init.zeros_(conv.bias)
            with torch.no_grad():
                conv.weight[:, :channels] = torch.eye(channels)[..., None, None]

    def forward(
        self, main: Sequence[Tensor], auxiliary: Sequence[Tensor], rows: Tensor | None
    ) -> list[Tensor]:
        """Fuse.

        Args:
            main (Sequence[Tensor]): By branch (N, C, H, W).
            auxiliary (Sequence[Tensor]): By branch (n, C, H, W).
            rows (Tensor, optional): The n rows of ``main`` that have an auxiliary
                image; the others stay as they are. ``None`` means all.

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
    """Two inputs through shared stages, then one stream; mixed into a backbone.

    The backbone says in :meth:`forward_stage` what each stage does. Stages up to
    ``concat_stage`` take both images, with the same weights; the rest take the
    main stream only. Parameters keep the names that the plain backbone gives them,
    so its pretrained weights load; only ``fusion`` is new.
    """

    def _build_fusion(
        self, stage_channels: Sequence[Sequence[int]], concat_stage: int
    ) -> None:
        """Make the fusing module.

        Args:
            stage_channels (Sequence[Sequence[int]]): By stage that features may be
                concatenated after, from stage 1 on, channels of each branch.
            concat_stage (int): Counted from 1.
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
        """Extract features of the main images in the light of auxiliary ones.

        Args:
            main (Tensor): (N, C, H, W).
            auxiliary (Tensor, optional): (n, C, H, W), registered onto those main
                images that have one. Without any, nothing is fused and the result
                is that of the plain backbone.
            rows (Sequence[int], optional): Which n rows of ``main`` the auxiliary
                images belong to, each once. Defaults to ``None``, all of them.
            places (Tensor, optional): (n, 2, H / 4, W / 4) of
                :func:`~mammo_plugins.models.utils.registered_places`: the auxiliary
                images are as they are, and their features are registered. Defaults to
                ``None``.

        Returns:
            tuple[Tensor]: As from the plain backbone.

        Raises:
            ValueError: If the number of auxiliary images is not that of ``rows``.
        """
        if auxiliary is None or not len(auxiliary):
            return self.finish(*self.encode(main))
        rows = self._check_rows(len(main), auxiliary, rows)
        # one pass for both: the same weights, and one set of batch statistics
        outs, branches = self.encode(torch.cat([main, auxiliary]))
        halves = zip(*(b.split([len(main), len(auxiliary)]) for b in branches))
        return self.finish([out[: len(main)] for out in outs], *halves, rows, places)

    def encode(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Run the stages that both images pass, which is to be done once an image.

        Args:
            images (Tensor): (N, C, H, W).

        Returns:
            tuple: What the stages before ``concat_stage`` return, and what that leaves,
            by branch; for :meth:`finish`.
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
        """Join both images' features and run the stages behind.

        Args:
            outs (Sequence[Tensor]), main (Sequence[Tensor]): The main images', of
                :meth:`encode`.
            auxiliary (Sequence[Tensor], optional): The auxiliary images', of
                :meth:`encode`, by branch. Defaults to ``None``: nothing is fused.
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
                        # a coarse cell's middle is the mean of those of its cells
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
                'expected one each. Say by rows which main images have one'
            )
        if rows is None or list(rows) == list(range(num_main)):
            return None
        return torch.as_tensor(rows, device=auxiliary.device)
