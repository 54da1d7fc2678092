# DIVF(Average), ResNet-18, VinDr-Mammo: table 1.
_base_ = './divf-concatenate_r18_vindr.py'
model = dict(fusion=dict(aggregation='average'))
