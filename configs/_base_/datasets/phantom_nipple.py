# Nipples of the phantom, which knows them all; see phantom_detection.py.
_base_ = './ddsm_nipple.py'
data_root = 'data/phantom/'

resize = dict(type='ResizeWithin', max_height=128, max_width=128)
train_pipeline = [
    dict(type='SelectView', view='main'),
    {{_base_.load_mammogram}},
    resize,
    dict(type='RandomFlip', prob=0.5, direction='vertical'),
    dict(type='RandomIntensity'),
    dict(type='NippleInstances', side=0.1),
    dict(type='PackNippleInputs', meta_keys={{_base_.meta_keys}})
]
test_pipeline = [
    dict(type='SelectView', view='main'),
    {{_base_.load_mammogram}},
    resize,
    dict(type='PackNippleInputs', meta_keys={{_base_.meta_keys}})
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root=data_root, other_classes=(), pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/test.json',
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root=data_root, other_classes=(), pipeline=test_pipeline))
