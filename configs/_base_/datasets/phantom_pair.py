# The task of ddsm_pair.py on the phantom of
#     python tools/dataset_converters/phantom.py --out data/phantom
# It has no val part: validation shows the test part, nothing is selected by it.
_base_ = './ddsm_pair.py'
data_root = 'data/phantom/'

size = (96, 48)
load = [
    dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=size[::-1], keep_ratio=False)
]
augment = [
    dict(
        type='RandomResize',
        resize_type='mammo.Resize',
        scale=size[::-1],
        ratio_range=(1., 1.2),
        keep_ratio=False),
    dict(type='RandomCrop', crop_size=size[::-1], allow_negative_crop=True)
]
train_pipeline = [
    dict(type='ForEachView', transforms=load),
    dict(
        type='ForEachView',
        share_random_params=True,
        transforms=[dict(type='WithCleanImage', transforms=augment)]),
    dict(type='PackExamInputs', views=('R', 'L'))
]
# masks, and the lesion-free pixels that only a phantom has, are for the metrics
test_load = [
    dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
    dict(type='LoadPhantomNormal'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='WithCleanImage',
        transforms=[
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ])
]
test_pipeline = [
    dict(type='ForEachView', transforms=test_load),
    dict(type='PackExamInputs', views=('R', 'L'))
]
metainfo = dict(classes=('mass', ))

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root, metainfo=metainfo, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/test.json',
        pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root, metainfo=metainfo, pipeline=test_pipeline))
