# Cross-view transformer: cross-attention alone, VinDr-Mammo: tables 1 and 2.
_base_ = './asyc_vindr.py'
model = dict(asyc=dict(neck=dict(attentions=('cross', ))))
