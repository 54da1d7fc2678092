# Each view beside its partners: the other projection of the same breast and the
# registered other breast (MommiNet-v2, sections 3.2 and 3.3).
_base_ = './ddsm_detection.py'

load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
resize = dict(type='ResizeWithin', max_height=3000, max_width=1500)

train_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            load_mammogram,
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='DrawLesionMap'), resize,
            dict(type='LocateNipple')
        ]),
    dict(type='RegisterContralateral'),
    # geometry stays in step: registration and nipple distances depend on it
    dict(
        type='ForEachView',
        share_random_params=True,
        transforms=[
            dict(
                type='RandomFlip',
                prob=0.5,
                direction=['horizontal', 'vertical'])
        ]),
    dict(
        type='ForEachView',
        transforms=[
            dict(type='RandomIntensity'),
            # boxes that lie off the breast's crop have no area left
            dict(
                type='FilterAnnotations',
                min_gt_bbox_wh=(1, 1),
                keep_empty=False)
        ]),
    dict(type='PackExamInputs')
]
test_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            load_mammogram, resize,
            dict(type='LocateNipple')
        ]),
    dict(type='RegisterContralateral'),
    # after resizing: predictions are rescaled, the ground truth must not be
    dict(
        type='ForEachView',
        views=['main'],
        transforms=[dict(type='LoadAnnotations', with_bbox=True)]),
    dict(type='PackExamInputs')
]

partners = ('ipsilateral', 'bilateral')
train_dataloader = dict(
    dataset=dict(partners=partners, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(partners=partners, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(partners=partners, pipeline=test_pipeline))
