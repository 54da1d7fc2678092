# Nipples in single views. Images without a manually annotated nipple
# (`images[].nipple`) are left out of training and do not count as negatives.
select = dict(type='SelectView', view='main')
image = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
# the detector's input_height; COCO models of maskrcnn-benchmark also use 800
resize = dict(type='ResizeWithin', max_height=800, max_width=800)
pack = dict(
    type='PackNippleInputs',
    meta_keys=(
        'img_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
        'homography_matrix',
        'canonical_frame',
        'exam_id',
        'patient_id',
        'laterality',
        'view',
        'pixel_spacing_mm',
        'nipple_source',
    ),
)
dataset = dict(
    type='ExamDataset', metainfo=dict(classes=('mass',)), other_classes='rest'
)
loader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)

train_dataloader = dict(
    loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        dataset,
        ann_file='annotations/train.json',
        filter_cfg=dict(filter_empty_gt=False, nipple_sources=['annotation']),
        pipeline=dict(
            order=[
                'select',
                'image',
                'resize',
                'flip',
                'intensity',
                'instances',
                'pack',
            ],
            select=select,
            image=image,
            resize=resize,
            # the chest wall is always on the left
            flip=dict(type='RandomFlip', prob=0.5, direction='vertical'),
            intensity=dict(type='RandomIntensity'),
            instances=dict(type='NippleInstances', side=0.1),
            pack=pack,
        ),
    ),
)
tested = dict(
    dataset,
    test_mode=True,
    pipeline=dict(
        order=['select', 'image', 'resize', 'pack'],
        select=select,
        image=image,
        resize=resize,
        pack=pack,
    ),
)
val_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/val.json'))
test_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/test.json'))
del select, image, resize, pack, dataset, loader, tested

val_evaluator = dict(type='NippleMetric', within_mm=10)
test_evaluator = val_evaluator
