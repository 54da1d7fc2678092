# Average Fusion, ResNet-34, VinDr-Mammo: table 1.
_base_ = ['./divf-concatenate_r18_vindr.py', '../_base_/models/resnet34.py']
model = dict(backbone=_base_.resnet34, skip=False, fusion=dict(aggregation='average'))
