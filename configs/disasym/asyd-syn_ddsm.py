# AsyD and Synthesis without the asymmetric transformer, DDSM: tables 1
# and 2.
_base_ = './disasymnet_ddsm.py'
model = dict(asyc=dict(neck=None, concatenate=True))
