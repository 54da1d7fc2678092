# Malignant breasts repeated to balance benign ones in an epoch of the same length: the
# control for synthesis.
_base_ = ['./divf-concatenate_r18_vindr.py', '../_base_/models/resnet34.py']

model = dict(backbone=_base_.resnet34)
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
