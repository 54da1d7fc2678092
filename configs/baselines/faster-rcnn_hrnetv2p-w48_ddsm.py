# The single-view detector of MommiNet-v2, table 6, at paper scale.
_base_ = [
    '../_base_/models/faster-rcnn_hrnetv2p-w48.py',
    '../_base_/datasets/ddsm_detection.py',
    '../_base_/schedules/schedule_1x.py', '../_base_/default_runtime.py'
]
