# The original data alone.
_base_ = './mask-rcnn_r18_phantom_blending.py'
train_dataloader = dict(dataset=dict(datasets=dict(synthetic=None)))
