# The original MommiNet (Yang et al., 2020), with which table 6 compares MommiNet-v2:
# ResNet-50 in place of HRNet-48, and a DeepLab-like bilateral branch.
_base_ = '../mamminet_v2.py'

resnet = dict(
    depth=50,
    # ImageNet weights; source: docs/how_to/pretrained_weights.md
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/resnet50-0676ba61.pth'),
)

model = dict(
    ipsilateral=dict(
        backbone=dict(_delete_=True, type='ResNet', **resnet),
        neck=dict(
            _delete_=True,
            type='FPN',
            in_channels=[256, 512, 1024, 2048],
            out_channels=256,
            num_outs=5,
        ),
    ),
    bilateral=dict(
        # dilated, for features of stride 8
        backbone=dict(
            _delete_=True,
            type='SiameseResNet',
            concat_stage=3,
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
            **resnet,
        ),
        decode_head=dict(_delete_=True, type='ASPPHead', in_channels=2048),
    ),
    fusion=dict(feature_channels=[256, 512, 1024, 2048]),
)
del resnet
