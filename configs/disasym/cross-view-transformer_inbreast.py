# Cross-view transformer: cross-attention only, INbreast: tables 1 and 2.
_base_ = './disasymnet_inbreast.py'
model = dict(asyd=None, asyc=dict(neck=dict(attentions=('cross',))))
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
