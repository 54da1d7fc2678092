# AsyD and Synthesis without the asymmetric transformer, VinDr-Mammo: tables 1
# and 2.
_base_ = './disasymnet_vindr.py'
model = dict(asyc=dict(neck=None, concatenate=True))
