# Each side alone, the phantom: tables 1 and 2.
_base_ = './asyc_phantom.py'
model = dict(asyc=dict(neck=None, asymmetry=False))
# asymmetry is not told
val_evaluator = [
    dict(type='ViewROCMetric', class_names=('normal', 'abnormal'))
]
test_evaluator = val_evaluator
