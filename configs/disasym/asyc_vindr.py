# AsyC alone, VinDr-Mammo: tables 1 and 2.
_base_ = './asyc-asyd_vindr.py'
model = dict(asyd=None)
