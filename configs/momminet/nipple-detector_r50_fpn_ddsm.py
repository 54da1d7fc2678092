# The nipple detector of MommiNet-v2 at paper scale. DDSM has no annotated nipples:
# annotate some in the training part (`images[].nipple`).
_base_ = [
    '../_base_/models/nipple_detector.py',
    '../_base_/tasks/nipple.py',
    '../_base_/datasets/ddsm_mass.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=_base_.data_set)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
