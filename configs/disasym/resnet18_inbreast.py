# Each side alone, INbreast: tables 1 and 2.
_base_ = './asyc_inbreast.py'
model = dict(asyc=dict(neck=None, asymmetry=False))
val_evaluator = _base_.val_evaluator[1:]  # asymmetry is not told
test_evaluator = val_evaluator
