# DIVF(Concatenate), ResNet-34, cancer against no cancer in RSNA; not in the paper.
_base_ = [
    '../_base_/models/divf_net.py',
    '../_base_/models/resnet34.py',
    '../_base_/tasks/breast.py',
    '../_base_/datasets/rsna_breast.py',
    '../_base_/schedules/divf_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=_base_.resnet34)
train_dataloader = dict(dataset=_base_.data_set)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
