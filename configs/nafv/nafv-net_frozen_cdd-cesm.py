# Row "Not Fine-tuning on DINOv2" of table 3.
_base_ = './nafv-net_cdd-cesm.py'
train_cfg = dict(stages=dict(classification=dict(trainable=['mixer', 'head'])))
