# Table 3, without four views: only the affected side, cross entropy.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(mixer=dict(four_views=False), robust_loss=None)
