# Table 3, without asymmetry sensitivity: each breast is segmented separately.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(segmentor=dict(gated=False))
