# The single-view detector of MommiNet-v2 on masses of VinDr-Mammo; not from a paper.
_base_ = [
    '../_base_/models/momminet_v2.py',
    '../_base_/tasks/mass_detection.py',
    '../_base_/datasets/vindr_mass.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    _base_.detector,
    data_preprocessor=dict(_base_.data_preprocessor, type='MammogramDataPreprocessor'),
)

train_dataloader = dict(dataset=_base_.data_set)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
