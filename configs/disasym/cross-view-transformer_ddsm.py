# Cross-view transformer: cross-attention only, DDSM: tables 1 and 2.
_base_ = './disasymnet_ddsm.py'
model = dict(asyd=None, asyc=dict(neck=dict(attentions=('cross',))))
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
