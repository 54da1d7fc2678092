# Table 3, without asymmetry sensitivity: each breast is segmented by itself.
_base_ = './nafv-net_phantom.py'
model = dict(segmentor=dict(gated=False))
