# Shape and location of the RoIs in place of nipple distances: table 4.
_base_ = './ipsidualnet-v2_phantom.py'

model = dict(roi_head=dict(geometry='shape_location'))
