# Average Fusion, ResNet-34, CMMD: table 1.
_base_ = ['./divf-concatenate_r18_cmmd.py', '../_base_/models/resnet34.py']
model = dict(backbone=_base_.resnet34, skip=False, fusion=dict(aggregation='average'))
