# AsyC alone, the phantom: tables 1 and 2.
_base_ = './asyc-asyd_phantom.py'
model = dict(asyd=None)
val_evaluator = _base_.val_evaluator[:-1]  # no decoder, no reconstruction
test_evaluator = val_evaluator
