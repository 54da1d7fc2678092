# Table 3, without four views: the affected side alone, cross entropy.
_base_ = './nafv-net_phantom.py'
model = dict(mixer=dict(four_views=False), robust_loss=None)
