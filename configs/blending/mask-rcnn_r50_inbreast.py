# Mask R-CNN on the masses of INbreast alone ("original data", figure 4).
_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn.py',
    '../_base_/datasets/inbreast_mass.py',
    '../_base_/schedules/mask-rcnn_100e.py', '../_base_/default_runtime.py'
]

# COCO weights of mmdet; docs/how_to/pretrained_weights.md says where from
load_from = 'checkpoints/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth'
