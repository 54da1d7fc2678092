# AsyC alone, the phantom: tables 1 and 2.
_base_ = './asyc-asyd_phantom.py'
model = dict(asyd=None)
