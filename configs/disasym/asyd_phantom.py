# AsyD without the asymmetric transformer, the phantom: tables 1 and 2.
_base_ = './asyc-asyd_phantom.py'
model = dict(asyc=dict(neck=None, concatenate=True))
