# Mask R-CNN on the masses of INbreast alone ("original data", figure 4).
_base_ = './mask-rcnn_r50_inbreast_blending.py'
preparation = []
train_dataloader = dict(dataset=dict(datasets=dict(synthetic=None)))
