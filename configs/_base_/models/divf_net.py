# DIVF-Net (section 3.1) with ResNet-18 and concatenation fusion.
model = dict(
    type='DIVFNet',
    data_preprocessor=dict(
        type='BreastDataPreprocessor', mean=0.3, std=0.2, num_channels=3
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        # ImageNet weights; source: docs/how_to/pretrained_weights.md
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/resnet18_8xb32_in1k_20210831-fbbb1da6.pth',
            prefix='backbone',
        ),
    ),
    fusion=dict(type='IVFBlock', aggregation='concatenate'),
    skip=True,
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=2,
        in_channels=512,
        loss=dict(type='mmpretrain.CrossEntropyLoss'),
    ),
)
