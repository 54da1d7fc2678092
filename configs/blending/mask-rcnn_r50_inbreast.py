# Mask R-CNN on masses of INbreast without synthetic images ("original data", figure
# 4).
_base_ = './mask-rcnn_r50_inbreast_blending.py'
preparation = []
train_dataloader = dict(dataset=dict(datasets=dict(synthetic=None)))
