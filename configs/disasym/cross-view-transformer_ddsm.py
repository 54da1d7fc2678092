# Cross-view transformer: cross-attention alone, DDSM: tables 1 and 2.
_base_ = './asyc_ddsm.py'
model = dict(asyc=dict(neck=dict(attentions=('cross', ))))
