# AsyC alone, DDSM: tables 1 and 2.
_base_ = './asyc-asyd_ddsm.py'
model = dict(asyd=None)
