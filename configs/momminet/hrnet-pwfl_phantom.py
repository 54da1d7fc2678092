# HRNet with pixel-wise focal loss, one view: table 6.
_base_ = './bidualnet-v2_phantom.py'

backbone = _base_.model.backbone
backbone.pop('concat_stage')
backbone.update(_delete_=True, type='NarrowStemHRNet')
model = dict(auxiliary=None, backbone=backbone)
del backbone

dataset = dict(partners=())
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
del dataset
