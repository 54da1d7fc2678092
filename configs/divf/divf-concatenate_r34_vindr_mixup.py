# mmpretrain's Mixup of whole breasts, with which the paper compares its synthesis.
_base_ = ['./divf-concatenate_r18_vindr.py', '../_base_/models/resnet34.py']

model = dict(
    backbone=_base_.resnet34,
    head=dict(loss=dict(use_soft=True)),
    train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)),
)
