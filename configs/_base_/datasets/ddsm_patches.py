# Patches for the malignancy classifier (MommiNet-v2, section 3.8). Detected patches
# join once a detector has run: set detection_file of each part, and gold=False for
# val and test as in the paper; without detections, annotated lesions take their place
# there.
dataset_type = 'PatchDataset'
data_root = 'data/ddsm/'

patch_size = 448
meta_keys = ('sample_idx', 'img_id', 'img_path', 'ori_shape', 'img_shape',
             'scale_factor', 'flip', 'flip_direction', 'homography_matrix',
             'canonical_frame', 'exam_id', 'patient_id', 'laterality', 'view',
             'patch_box', 'detected', 'score', 'iou')
load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
# the detectors' size, so that patches look as those cut from their input
resize = dict(type='ResizeWithin', max_height=3000, max_width=1500)
pack = dict(
    type='PackInputs',
    algorithm_keys=('gt_birads_score', ),
    meta_keys=meta_keys)

train_pipeline = [
    load_mammogram,
    resize,
    dict(type='RandomCropPatch', size=patch_size),
    # either way with a chance of 0.5 each
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='RandomIntensity'),
    pack
]
test_pipeline = [
    load_mammogram, resize,
    dict(type='CropPatch', size=patch_size), pack
]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    # batch normalisation cannot train on a single patch
    drop_last=True,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/train.json',
        detection_file=None,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/val.json',
        detection_file=None,
        gold=True,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/test.json',
        detection_file=None,
        gold=True,
        test_mode=True,
        pipeline=test_pipeline))

val_evaluator = dict(
    type='ROCMetric',
    prefix='malignancy',
    class_names=('not malignant', 'malignant'))
test_evaluator = val_evaluator
