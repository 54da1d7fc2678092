"""HRNet with a Siamese input module."""

from torch import Tensor

from mammo_plugins.registry import MODELS

from .hrnet import NarrowStemHRNet
from .siamese import SiameseMixin

# the backbone of MommiNet-v2
HRNET_W48 = dict(
    stage1=dict(
        num_modules=1,
        num_branches=1,
        block='BOTTLENECK',
        num_blocks=(4,),
        num_channels=(64,),
    ),
    stage2=dict(
        num_modules=1,
        num_branches=2,
        block='BASIC',
        num_blocks=(4, 4),
        num_channels=(48, 96),
    ),
    stage3=dict(
        num_modules=4,
        num_branches=3,
        block='BASIC',
        num_blocks=(4, 4, 4),
        num_channels=(48, 96, 192),
    ),
    stage4=dict(
        num_modules=3,
        num_branches=4,
        block='BASIC',
        num_blocks=(4, 4, 4, 4),
        num_channels=(48, 96, 192, 384),
    ),
)


@MODELS.register_module()
class SiameseHRNet(SiameseMixin, NarrowStemHRNet):
    """HRNet for a main and an auxiliary image, the backbone of BiDualNet-v2.

    Both images pass through the stages up to ``concat_stage`` with the same weights.
    There the auxiliary features are concatenated with the main ones, branch by branch,
    and reduced by 1 x 1 convolutions. The later stages are HRNet's, on the main stream
    (MommiNet-v2, section 3.4, figure 2). Without auxiliary images, the output is
    bit-identical to that of mmdet's HRNet. HRNet's weights load unchanged; only
    ``fusion`` is new.

    HRNet's ``norm_eval`` is True by default, which suits pretrained weights. Set it to
    False when you train from scratch.

    Args:
        extra (dict): Stages of HRNet. Defaults to those of HRNet-W48.
        concat_stage (int): Stage after which the features are concatenated: 1, 2 or 3
            (table 5). Defaults to 3.
        **kwargs: As in :class:`NarrowStemHRNet`.

    Example:
        >>> self = SiameseHRNet(in_channels=1)
        >>> self.eval()
        >>> main, auxiliary = torch.rand(2, 1, 64, 64), torch.rand(1, 1, 64, 64)
        >>> for out in self(main, auxiliary, rows=[1]):
        ...     print(tuple(out.shape))
        (2, 48, 16, 16)
        (2, 96, 8, 8)
        (2, 192, 4, 4)
        (2, 384, 2, 2)
    """

    output_stages = (4,)

    def __init__(
        self, extra: dict = HRNET_W48, concat_stage: int = 3, **kwargs
    ) -> None:
        super().__init__(extra, **kwargs)
        stages = [extra[f'stage{i}'] for i in (1, 2, 3)]
        self._build_fusion(
            [
                [
                    c * self.blocks_dict[stage['block']].expansion
                    for c in stage['num_channels']
                ]
                for stage in stages
            ],
            concat_stage,
        )

    def forward_stage(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Run one stage of HRNet.

        Args:
            stage (int): 1 to 4; 0 is the stem.
            branches (list[Tensor]): Output of the stage before, by branch
                (N, C, H, W), the finest first.

        Returns:
            list[Tensor]: ``stage`` branches, each at half the resolution of the one
            before.
        """
        if stage == 0:
            x = self.relu(self.norm1(self.conv1(branches[0])))
            return [self.relu(self.norm2(self.conv2(x)))]
        if stage == 1:
            return [self.layer1(branches[0])]
        transition = getattr(self, f'transition{stage - 1}')
        return getattr(self, f'stage{stage}')(self._branch_out(transition, branches))

    @staticmethod
    def _branch_out(transition, branches: list[Tensor]) -> list[Tensor]:
        # as HRNet.forward: a changed or new branch comes from the coarsest one
        return [
            branches[i] if layer is None else layer(branches[-1])
            for i, layer in enumerate(transition)
        ]
