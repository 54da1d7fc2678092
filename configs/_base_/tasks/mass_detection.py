# Masses in single views. Ground truth and predicted boxes are in pixels of the
# canonical image (cropped to the breast, chest wall on the left).
select = dict(type='SelectView', view='main')
image = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
annotations = dict(type='LoadAnnotations', with_bbox=True)
resize = dict(type='ResizeWithin', max_height=3000, max_width=1500)
pack = dict(
    type='PackDetInputs',
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
    ),
)
dataset = dict(
    type='ExamDataset',
    metainfo=dict(classes=('mass',)),
    # images with only other findings count as normal
    other_classes='rest',
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
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=dict(
            order=[
                'select',
                'image',
                'annotations',
                'resize',
                'flip',
                'intensity',
                'filter',
                'pack',
            ],
            select=select,
            image=image,
            annotations=annotations,
            resize=resize,
            flip=dict(
                type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']
            ),
            intensity=dict(type='RandomIntensity'),
            # boxes outside the breast's crop have no area left
            filter=dict(
                type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False
            ),
            pack=pack,
        ),
    ),
)
tested = dict(
    dataset,
    test_mode=True,
    pipeline=dict(
        # annotations after resizing: predictions are rescaled, so the ground truth must
        # not be resized
        order=['select', 'image', 'resize', 'annotations', 'pack'],
        select=select,
        image=image,
        resize=resize,
        annotations=annotations,
        pack=pack,
    ),
)
val_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/val.json'))
test_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/test.json'))
del select, image, annotations, resize, pack, dataset, loader, tested

# MommiNet-v2, section 4: a hit is an IoU above 0.2; recall at 0.5, 1 and 2 FPPI
val_evaluator = dict(type='FROCMetric', iou_thr=0.2, fppi=(0.5, 1, 2))
test_evaluator = val_evaluator
