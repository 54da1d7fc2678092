# NaFV-Net without cross-attention: CC and MLO are segmented independently.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(segmentor=dict(attentions=('self',)))
