# Table 2: U-Net in place of the segmentor.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(segmentor=dict(_delete_=True, type='UNetSegmentor', modality='CEM-RC'))
