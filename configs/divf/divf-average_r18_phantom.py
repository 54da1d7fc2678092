# DIVF(Average), ResNet-18, phantom: table 1.
_base_ = './divf-concatenate_r18_phantom.py'
model = dict(fusion=dict(aggregation='average'))
