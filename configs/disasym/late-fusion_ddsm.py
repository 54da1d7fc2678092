# Features of both sides concatenated, no transformer, DDSM: tables 1 and 2.
_base_ = './asyc_ddsm.py'
model = dict(asyc=dict(neck=None, concatenate=True))
