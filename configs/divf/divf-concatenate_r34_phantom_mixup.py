# Mixup of whole breasts, mmpretrain's, with which the paper compares its synthesis.
_base_ = './divf-concatenate_r34_phantom.py'

model = dict(
    head=dict(loss=dict(use_soft=True)),
    train_cfg=dict(augments=dict(type='Mixup', alpha=1.)))
