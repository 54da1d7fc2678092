# Features of both views concatenated, without relation blocks: tables 2 and 3.
_base_ = './ipsidualnet-v2_phantom.py'

model = dict(roi_head=dict(bbox_head=dict(num_relation_blocks=(0, 0))))
