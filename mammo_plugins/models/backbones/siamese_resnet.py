"""ResNet with a Siamese input module."""

from mmdet.models.backbones import ResNet
from torch import Tensor

from mammo_plugins.registry import MODELS

from .siamese import SiameseMixin


@MODELS.register_module()
class SiameseResNet(SiameseMixin, ResNet):
    """ResNet for a main and an auxiliary image, the backbone of BiDualNet.

    Like :class:`SiameseHRNet`, but based on ResNet, for the original BiDualNet
    (Yang et al., 2020), which MommiNet-v2 is compared with. Outputs of stages before
    ``concat_stage`` depend only on the main image.

    Args:
        depth (int): As in ResNet. Defaults to 50.
        concat_stage (int): Stage after which the features are concatenated, counted
            from 1. Defaults to 3.
        **kwargs: As in :class:`mmdet.models.ResNet`.
    """

    def __init__(self, depth: int = 50, concat_stage: int = 3, **kwargs) -> None:
        super().__init__(depth, **kwargs)
        self._build_fusion(
            [
                [self.base_channels * 2**i * self.block.expansion]
                for i in range(self.num_stages)
            ],
            concat_stage,
        )

    @property
    def output_stages(self) -> tuple[int, ...]:
        """tuple[int]: ``out_indices``, counted from 1."""
        return tuple(i + 1 for i in self.out_indices)

    def forward_stage(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Run one stage of ResNet.

        Args:
            stage (int): 1 to 4; 0 is the stem.
            branches (list[Tensor]): One tensor (N, C, H, W).

        Returns:
            list[Tensor]: One tensor.
        """
        (x,) = branches
        if stage > 0:
            return [getattr(self, self.res_layers[stage - 1])(x)]
        x = self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x)))
        return [self.maxpool(x)]
