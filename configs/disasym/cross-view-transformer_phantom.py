# Cross-view transformer: cross-attention alone, the phantom: tables 1 and 2.
_base_ = './asyc_phantom.py'
model = dict(asyc=dict(neck=dict(attentions=('cross', ))))
