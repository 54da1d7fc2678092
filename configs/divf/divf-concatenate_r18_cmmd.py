# DIVF(Concatenate), ResNet-18, CMMD: table 1.
_base_ = [
    '../_base_/models/divf_net.py',
    '../_base_/tasks/breast.py',
    '../_base_/datasets/cmmd_breast.py',
    '../_base_/schedules/divf_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=_base_.data_set)
# no val part in the paper: validation uses the test part, but nothing is selected by it
val_dataloader = dict(dataset=dict(_base_.data_set, ann_file='annotations/test.json'))
test_dataloader = dict(dataset=_base_.data_set)
