# NaFV-Net on ordinary mammograms: without recombined images, masses are segmented where
# they are classified.
_base_ = [
    '../_base_/models/nafv_net.py', '../_base_/datasets/inbreast_exam.py',
    '../_base_/schedules/nafv_500e.py', '../_base_/default_runtime.py'
]
model = dict(modality=None, segmentor=dict(modality=None))

views = ('RCC', 'LCC', 'RMLO', 'LMLO')
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
