# Patches of annotated or detected masses: malignant or not, and BI-RADS (MommiNet-v2,
# sections 3.7 and 3.8).
image = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
# the detectors' size, so that patches look like those cut from their input
resize = dict(type='ResizeWithin', max_height=3000, max_width=1500)
pack = dict(
    type='PackInputs',
    algorithm_keys=('gt_birads_score',),
    meta_keys=(
        'sample_idx',
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
        'patch_box',
        'detected',
        'score',
        'iou',
    ),
)
dataset = dict(
    type='PatchDataset', metainfo=dict(classes=('mass',)), other_classes='rest'
)
loader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)

train_dataloader = dict(
    loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    # batch normalization cannot train on a single patch
    drop_last=True,
    dataset=dict(
        dataset,
        ann_file='annotations/train.json',
        pipeline=dict(
            order=['image', 'resize', 'crop', 'flip', 'intensity', 'pack'],
            image=image,
            resize=resize,
            crop=dict(type='RandomCropPatch', size=448),
            # in each direction with a probability of 0.5
            flip=dict(
                type='RandomFlip',
                prob=[0.25, 0.25, 0.25],
                direction=['horizontal', 'vertical', 'diagonal'],
            ),
            intensity=dict(type='RandomIntensity'),
            pack=pack,
        ),
    ),
)
tested = dict(
    dataset,
    test_mode=True,
    pipeline=dict(
        order=['image', 'resize', 'crop', 'pack'],
        image=image,
        resize=resize,
        crop=dict(type='CropPatch', size=448),
        pack=pack,
    ),
)
val_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/val.json'))
test_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/test.json'))
del image, resize, pack, dataset, loader, tested

val_evaluator = dict(
    type='ROCMetric', prefix='malignancy', class_names=('not malignant', 'malignant')
)
test_evaluator = val_evaluator
