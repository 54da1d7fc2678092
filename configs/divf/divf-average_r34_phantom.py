# DIVF(Average), ResNet-34, phantom: table 1.
_base_ = './divf-average_r18_phantom.py'
model = dict(backbone=dict(depth=34))
