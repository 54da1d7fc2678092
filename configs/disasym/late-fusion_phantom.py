# Features of both sides concatenated, no transformer, the phantom: tables 1 and 2.
_base_ = './asyc_phantom.py'
model = dict(asyc=dict(neck=None, concatenate=True))
