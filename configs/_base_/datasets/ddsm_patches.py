# Patches for the malignancy classifier (MommiNet-v2, section 3.8): annotated and
# detected ones for training, detected ones alone for validation and test. A detector
# writes the files, part by part:
#     for part in train val test; do
#         python tools/test.py configs/mamminet_v2.py CHECKPOINT --cfg-options \
#             test_dataloader.dataset.ann_file=annotations/$part.json \
#             default_hooks.detections.type=DetectionFileHook \
#             default_hooks.detections.out_file=data/ddsm/detections/$part.json
#     done
# To do without: detection_file=None and gold=False, which is another protocol.
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
        detection_file=data_root + 'detections/train.json',
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
        detection_file=data_root + 'detections/val.json',
        gold=False,
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
        detection_file=data_root + 'detections/test.json',
        gold=False,
        test_mode=True,
        pipeline=test_pipeline))

val_evaluator = dict(
    type='ROCMetric',
    prefix='malignancy',
    class_names=('not malignant', 'malignant'))
test_evaluator = val_evaluator
