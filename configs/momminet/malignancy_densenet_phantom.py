# Small version of malignancy_densenet121_ddsm.py that trains on two cores, on
# annotated patches only.
_base_ = [
    './malignancy_densenet121_ddsm.py',
    '../_base_/models/momminet_v2_w8.py',
    '../_base_/schedules/from_scratch.py',
]

model = dict(_base_.small.malignancy, data_preprocessor=_base_.small.data_preprocessor)

# no val part: validation uses the test part, but nothing is selected by it
dataset = dict(
    data_root='data/phantom/',
    detection_file=None,
    gold=True,
    pipeline=dict(crop=dict(size=64)),
)
loader = dict(num_workers=1, dataset=dataset)
train_dataloader = loader
val_dataloader = dict(loader, dataset=dict(dataset, ann_file='annotations/test.json'))
test_dataloader = loader
del dataset, loader

train_cfg = dict(max_epochs=30, val_interval=1000)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.05)
)
param_scheduler = [_base_.from_scratch.cosine]
custom_hooks = []
default_hooks = dict(
    logger=dict(interval=5), checkpoint=dict(interval=1000, save_best=None)
)
