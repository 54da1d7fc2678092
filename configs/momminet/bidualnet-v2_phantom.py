# Small version of bidualnet-v2_ddsm.py that trains on two cores.
_base_ = [
    './bidualnet-v2_ddsm.py',
    '../_base_/models/momminet_v2_w8.py',
    '../_base_/schedules/from_scratch.py',
]

model = dict(_base_.small.bilateral, data_preprocessor=_base_.small.data_preprocessor)

# no val part: validation uses the test part, but nothing is selected by it
loader = dict(
    batch_size=4, num_workers=1, dataset=dict(type='Phantom', data_root='data/phantom/')
)
train_dataloader = loader
val_dataloader = dict(
    loader, dataset=dict(loader['dataset'], ann_file='annotations/test.json')
)
test_dataloader = loader
del loader

train_cfg = dict(max_epochs=6)
optim_wrapper = _base_.from_scratch.optim_wrapper
param_scheduler = [_base_.from_scratch.warm_up, _base_.from_scratch.cosine]
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=25))
