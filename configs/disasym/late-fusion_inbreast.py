# Features of both sides concatenated, no transformer, INbreast: tables 1 and 2.
_base_ = './asyc_inbreast.py'
model = dict(asyc=dict(neck=None, concatenate=True))
