# AsyC alone, INbreast: tables 1 and 2.
_base_ = './asyc-asyd_inbreast.py'
model = dict(asyd=None)
