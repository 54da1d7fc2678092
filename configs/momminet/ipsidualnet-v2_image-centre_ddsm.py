# Distances to the centre of each image in place of the nipple: table 4.
_base_ = './ipsidualnet-v2_ddsm.py'

model = dict(roi_head=dict(geometry='image_centre'))
