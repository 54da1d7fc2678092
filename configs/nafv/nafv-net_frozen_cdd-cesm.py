# As row "Not Fine-tuning on DINOv2" of table 3: DINOv2 as it is.
_base_ = './nafv-net_cdd-cesm.py'
train_cfg = dict(stages=dict(classification=dict(trainable=['mixer', 'head'])))
