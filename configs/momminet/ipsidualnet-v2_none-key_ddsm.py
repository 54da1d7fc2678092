# A RoI may attend to none of the other view's RoIs; not from the paper.
_base_ = './ipsidualnet-v2_ddsm.py'

model = dict(roi_head=dict(bbox_head=dict(none_key=True)))
