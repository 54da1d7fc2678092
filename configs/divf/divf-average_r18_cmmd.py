# DIVF(Average), ResNet-18, CMMD: table 1.
_base_ = './divf-concatenate_r18_cmmd.py'
model = dict(fusion=dict(aggregation='average'))
