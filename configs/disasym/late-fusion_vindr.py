# Features of both sides concatenated, no transformer, VinDr-Mammo: tables 1 and 2.
_base_ = './asyc_vindr.py'
model = dict(asyc=dict(neck=None, concatenate=True))
