# ResNet-18 on each side separately, VinDr-Mammo: tables 1 and 2.
_base_ = './disasymnet_vindr.py'
model = dict(asyd=None, asyc=dict(neck=None, asymmetry=False))
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
# asymmetry is not predicted
val_evaluator = dict(metrics=dict(asymmetry=None))
test_evaluator = val_evaluator
