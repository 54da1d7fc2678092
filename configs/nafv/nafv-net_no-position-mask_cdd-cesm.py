# Table 3, without "manipulating the masks of the unaffected side".
_base_ = './nafv-net_cdd-cesm.py'
model = dict(jitter=0.0)
