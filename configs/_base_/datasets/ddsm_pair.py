# DisAsymNet, section 3.1: both breasts in one projection, of DDSM; abnormal where an
# abnormality is outlined, 8:1:1 by patient.
#     python tools/dataset_converters/ddsm.py RAW_DIR --out data/ddsm
dataset_type = 'ExamDataset'
data_root = 'data/ddsm/'
labels = dict(field='abnormal', negative=(False, ), positive=(True, ))
views = ('R', 'L')
# what each abnormality is does not matter: boxes test the localisation
classes = ('mass', 'calcification', 'other')

size = (1024, 512)  # height, width
load = [
    dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=size[::-1], keep_ratio=False)
]
# "random zooming and random cropping"; how far is not stated
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
        share_random_params=True,  # both sides stay comparable
        transforms=[dict(type='WithCleanImage', transforms=augment)]),
    dict(type='PackExamInputs', views=views)
]
test_pipeline = [
    dict(type='ForEachView', transforms=load),
    dict(type='PackExamInputs', views=views)
]

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        target='pair',
        complete=True,
        labels=labels,
        metainfo=dict(classes=classes),
        data_root=data_root,
        ann_file='annotations/train.json',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='pair',
        complete=True,
        labels=labels,
        metainfo=dict(classes=classes),
        data_root=data_root,
        ann_file='annotations/val.json',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='pair',
        complete=True,
        labels=labels,
        metainfo=dict(classes=classes),
        data_root=data_root,
        ann_file='annotations/test.json',
        test_mode=True,
        pipeline=test_pipeline))
