# Patches of annotated lesions of the phantom of `python
# tools/dataset_converters/phantom.py`. It has no val part: validation shows the test
# part, nothing is selected by it.
_base_ = './ddsm_patches.py'
data_root = 'data/phantom/'
patch_size = 64

train_pipeline = [
    {{_base_.load_mammogram}}, {{_base_.resize}},
    dict(type='RandomCropPatch', size=patch_size),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='RandomIntensity'),
    {{_base_.pack}}
]
test_pipeline = [
    {{_base_.load_mammogram}}, {{_base_.resize}},
    dict(type='CropPatch', size=patch_size), {{_base_.pack}}
]

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        detection_file=None,
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/test.json',
        detection_file=None,
        gold=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        detection_file=None,
        gold=True,
        pipeline=test_pipeline))
