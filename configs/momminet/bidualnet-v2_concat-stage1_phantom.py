# Features of both breasts concatenated after stage 1: table 5.
_base_ = './bidualnet-v2_phantom.py'

model = dict(backbone=dict(concat_stage=1))
