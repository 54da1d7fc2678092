# AsyD and Synthesis without the asymmetric transformer, INbreast: tables 1
# and 2.
_base_ = './disasymnet_inbreast.py'
model = dict(asyc=dict(neck=None, concatenate=True))
