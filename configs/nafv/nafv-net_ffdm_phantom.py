# nafv-net_inbreast.py made small, on the phantom without contrast enhancement.
_base_ = './nafv-net_phantom.py'
model = dict(modality=None, segmentor=dict(modality=None))

views = ('RCC', 'LCC', 'RMLO', 'LMLO')
pipeline = [
    _base_.pipeline[0],
    dict(type='RegisterSides'),
    dict(type='PackExamInputs', views=views)
]
settings = dict(data_root='data/phantom/', modality=None, pipeline=pipeline)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = dict(dataset=settings)
del settings
train_cfg = dict(
    stages=dict(
        segmentation=dict(
            val_evaluator=[
                dict(type='SegmentationMetric', views=views, n_bootstrap=0)
            ])))
val_evaluator = [
    _base_.val_evaluator[0],
    dict(type='SegmentationMetric', views=views)
]
test_evaluator = val_evaluator
