# Single-view mass detection. Boxes are in the pixels of the canonical image (cropped
# to the breast, chest wall on the left), ground truth and predictions alike.
dataset_type = 'ExamDataset'
data_root = 'data/ddsm/'
# what of DDSM is no mass; images with these alone count as normal
other_classes = ('calcification', 'other')

meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction', 'homography_matrix', 'canonical_frame',
             'exam_id', 'patient_id', 'laterality', 'view', 'pixel_spacing_mm')
load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')

train_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='ResizeWithin', max_height=3000, max_width=1500),
    dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
    dict(type='RandomIntensity'),
    # boxes that lie off the breast's crop have no area left
    dict(
        type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type='PackDetInputs', meta_keys=meta_keys)
]
test_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    dict(type='ResizeWithin', max_height=3000, max_width=1500),
    # after resizing: predictions are rescaled, the ground truth must not be resized
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=meta_keys)
]

train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        other_classes=other_classes,
        data_root=data_root,
        ann_file='annotations/train.json',
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        other_classes=other_classes,
        data_root=data_root,
        ann_file='annotations/val.json',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        other_classes=other_classes,
        data_root=data_root,
        ann_file='annotations/test.json',
        test_mode=True,
        pipeline=test_pipeline))

# MommiNet-v2, section 4: a hit is an IoU above 0.2; recall at 0.5, 1 and 2 FPPI
val_evaluator = dict(type='FROCMetric', iou_thr=0.2, fppi=(0.5, 1, 2))
test_evaluator = val_evaluator
