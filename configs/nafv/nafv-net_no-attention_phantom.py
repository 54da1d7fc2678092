# Table 3, without the attention module.
_base_ = './nafv-net_phantom.py'
model = dict(segmentor=dict(attentions=()))
