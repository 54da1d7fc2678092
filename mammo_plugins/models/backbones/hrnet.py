"""HRNet whose stem can be narrow, too."""

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmdet.models.backbones import HRNet

from mammo_plugins.registry import MODELS

_STEM_CHANNELS = 64  # hard-coded in mmdet


@MODELS.register_module()
class NarrowStemHRNet(HRNet):
    """mmdet's HRNet with a stem of any width.

    mmdet's stem always has 64 channels. At half the resolution of the image, they are
    most of the work of a small network. With 64 channels, this network is bit-identical
    to mmdet's and loads its weights.

    Args:
        extra (dict): As in :class:`mmdet.models.HRNet`.
        stem_channels (int): Channels of the two convolutions before stage 1.
            Defaults to 64.
        **kwargs: As in :class:`mmdet.models.HRNet`.
    """

    def __init__(
        self, extra: dict, stem_channels: int = _STEM_CHANNELS, **kwargs
    ) -> None:
        super().__init__(extra, **kwargs)
        if stem_channels == _STEM_CHANNELS:
            return
        for i, in_channels in ((1, kwargs.get('in_channels', 3)), (2, stem_channels)):
            conv = build_conv_layer(
                self.conv_cfg,
                in_channels,
                stem_channels,
                kernel_size=3,
                stride=2,
                padding=1,
                bias=False,
            )
            setattr(self, f'conv{i}', conv)
            name, norm = build_norm_layer(self.norm_cfg, stem_channels, postfix=i)
            setattr(self, name, norm)
        stage = extra['stage1']
        self.layer1 = self._make_layer(
            self.blocks_dict[stage['block']],
            stem_channels,
            stage['num_channels'][0],
            stage['num_blocks'][0],
        )
