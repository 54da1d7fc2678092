# CC and MLO are segmented without each other.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(segmentor=dict(attentions=('self',)))
