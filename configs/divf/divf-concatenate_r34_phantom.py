# DIVF(Concatenate), ResNet-34, phantom: table 1.
_base_ = './divf-concatenate_r18_phantom.py'
model = dict(backbone=dict(depth=34))
