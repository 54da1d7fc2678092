# No Fusion, ResNet-34, phantom: table 1.
_base_ = './no-fusion_r18_phantom.py'
model = dict(backbone=dict(depth=34))
