# The ipsilateral branch of MommiNet-v2 (section 3.5) alone: tables 2 and 6.
_base_ = [
    '../_base_/models/momminet_v2.py',
    '../_base_/tasks/tri_view.py',
    '../_base_/datasets/ddsm_mass.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(_base_.ipsilateral, data_preprocessor=_base_.data_preprocessor)

dataset = dict(_base_.data_set, partners=('ipsilateral',))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
del dataset

train_cfg = dict(val_interval=1000)  # only at the end
