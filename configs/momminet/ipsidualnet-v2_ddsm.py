# The ipsilateral branch of MommiNet-v2 (section 3.5) by itself: tables 2 and 6.
_base_ = '../mamminet_v2.py'

stage = _base_.train_cfg.stages.ipsilateral
model = dict(
    _delete_=True,
    data_preprocessor=_base_.model.data_preprocessor,
    **_base_.model.ipsilateral)

dataset = stage.train_dataloader.dataset
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
test_evaluator = [_base_.val_evaluator]

train_cfg = dict(
    _delete_=True,
    type='EpochBasedTrainLoop',
    max_epochs=stage.max_epochs,
    val_interval=stage.max_epochs)
del stage, dataset
