# DIVF(Concatenate), ResNet-34, CMMD: table 1.
_base_ = './divf-concatenate_r18_cmmd.py'
model = dict(
    backbone=dict(
        depth=34,
        init_cfg=dict(
            checkpoint='checkpoints/resnet34_8xb32_in1k_20210831-f257d4e6.pth')))
