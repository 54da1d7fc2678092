# Masses in single views, with their outlines (blending adversarial networks, section
# 3). Training uses only images with a mass, original and synthetic, because 200
# synthetic ones make the data "approximately three times larger". Tests use all images.
# Ground truth and predicted boxes are in pixels of the canonical image.
select = dict(type='SelectView', view='main')
image = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
resize = dict(type='ResizeWithin', max_height=1024, max_width=1024)
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
    type='ExamDataset', metainfo=dict(classes=('mass',)), other_classes='rest'
)
trained = dict(
    dataset,
    ann_file='annotations/train.json',
    filter_cfg=dict(filter_empty_gt=True),
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
        annotations=dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        resize=resize,
        flip=dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
        intensity=dict(type='RandomIntensity'),
        # boxes outside the breast's crop have no area left
        filter=dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
        pack=pack,
    ),
)
tested = dict(
    dataset,
    # folds have no val part; nothing is selected by validation
    ann_file='annotations/test.json',
    test_mode=True,
    pipeline=dict(
        # annotations after resizing: predictions are rescaled, ground truth must not be
        order=['select', 'image', 'resize', 'annotations', 'pack'],
        select=select,
        image=image,
        resize=resize,
        annotations=dict(type='LoadAnnotations', with_bbox=True),
        pack=pack,
    ),
)

loader = dict(num_workers=4, persistent_workers=True)
train_dataloader = dict(
    loader,
    batch_size=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='NamedConcatDataset', datasets=dict(original=trained, synthetic=trained)
    ),
)
val_dataloader = dict(
    loader,
    batch_size=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=tested,
)
test_dataloader = val_dataloader
del select, image, resize, pack, dataset, trained, tested, loader

# a hit in the paper is an IoU above 0.5; table 1 reads the curve at these points
val_evaluator = dict(type='FROCMetric', iou_thr=0.5, fppi=(0.5, 0.8, 1.3))
test_evaluator = val_evaluator
