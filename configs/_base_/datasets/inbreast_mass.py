# Blending adversarial networks, section 3: masses of INbreast with their outlines,
# 5-fold by patient.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --split kfold --folds 5
#     python tools/cross_validate.py configs/blending/mask-rcnn_r50_inbreast.py
# Trained on images with a mass, for 200 synthetic ones make the data "approximately
# three times larger"; tested on all.
_base_ = './ddsm_detection.py'

data_root = 'data/inbreast/'
other_classes = ('calcification', 'calcification cluster', 'spiculated region',
                 'architectural distortion', 'asymmetry', 'other')
load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
resize = dict(type='ResizeWithin', max_height=1024, max_width=1024)
train_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    resize,
    dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
    dict(type='RandomIntensity'),
    dict(
        type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type='PackDetInputs', meta_keys=_base_.meta_keys)
]
test_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    resize,
    # after resizing: predictions are rescaled, the ground truth must not be resized
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=_base_.meta_keys)
]

train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        data_root=data_root,
        other_classes=other_classes,
        fold=1,
        ann_file='annotations/fold_{fold}/train.json',
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        other_classes=other_classes,
        fold=1,
        ann_file='annotations/fold_{fold}/test.json',
        pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        other_classes=other_classes,
        fold=1,
        ann_file='annotations/fold_{fold}/test.json',
        pipeline=test_pipeline))

# the paper's hit is an IoU above 0.5; table 1 reads the curve at these
val_evaluator = dict(iou_thr=0.5, fppi=(0.5, 0.8, 1.3))
test_evaluator = val_evaluator
