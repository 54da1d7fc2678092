# Cross-view transformer: cross-attention alone, INbreast: tables 1 and 2.
_base_ = './asyc_inbreast.py'
model = dict(asyc=dict(neck=dict(attentions=('cross', ))))
