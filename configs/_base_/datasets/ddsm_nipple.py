# Nipples in single views. DDSM itself has none: annotate some of the training part
# (`images[].nipple`); images without one are left out of training, not taken for
# negatives.
_base_ = './ddsm_detection.py'

meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction', 'homography_matrix', 'canonical_frame',
             'exam_id', 'patient_id', 'laterality', 'view', 'pixel_spacing_mm',
             'nipple_source')
load_mammogram = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
# the detector's input_height; COCO models of maskrcnn-benchmark work at 800 too
resize = dict(type='ResizeWithin', max_height=800, max_width=800)

train_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    resize,
    # the chest wall is on the left, always
    dict(type='RandomFlip', prob=0.5, direction='vertical'),
    dict(type='RandomIntensity'),
    dict(type='NippleInstances', side=0.1),
    dict(type='PackNippleInputs', meta_keys=meta_keys)
]
test_pipeline = [
    dict(type='SelectView', view='main'),
    load_mammogram,
    resize,
    dict(type='PackNippleInputs', meta_keys=meta_keys)
]

train_dataloader = dict(
    dataset=dict(
        filter_cfg=dict(nipple_sources=['annotation']),
        pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

val_evaluator = dict(
    _delete_=True, type='NippleMetric', within_mm=10)
test_evaluator = val_evaluator
