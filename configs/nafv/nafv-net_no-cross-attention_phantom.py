# CC and MLO are segmented without each other.
_base_ = './nafv-net_phantom.py'
model = dict(segmentor=dict(attentions=('self', )))
