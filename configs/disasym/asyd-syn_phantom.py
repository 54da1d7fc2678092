# AsyD and Synthesis, without the asymmetric transformer, the phantom: tables 1 and 2.
_base_ = './disasymnet_phantom.py'
model = dict(asyc=dict(neck=None, concatenate=True))
