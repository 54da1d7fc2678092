# Average Fusion, ResNet-18, phantom: table 1.
_base_ = './divf-concatenate_r18_phantom.py'
model = dict(skip=False, fusion=dict(aggregation='average'))
