# No Fusion, ResNet-34, VinDr-Mammo: table 1.
_base_ = './no-fusion_r18_vindr.py'
model = dict(
    backbone=dict(
        depth=34,
        init_cfg=dict(
            checkpoint='checkpoints/resnet34_8xb32_in1k_20210831-f257d4e6.pth')))
