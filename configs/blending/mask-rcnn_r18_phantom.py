# Mask R-CNN on the original data only, on the phantom.
_base_ = './mask-rcnn_r18_phantom_blending.py'
train_dataloader = dict(dataset=dict(datasets=dict(synthetic=None)))
