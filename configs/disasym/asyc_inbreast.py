# AsyC only, INbreast: tables 1 and 2.
_base_ = './disasymnet_inbreast.py'
model = dict(asyd=None)
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
