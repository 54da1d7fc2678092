# Table 3, row "Not Fine-tuning on DINOv2": frozen DINOv2.
_base_ = './nafv-net_cdd-cesm.py'
train_cfg = dict(stages=dict(classification=dict(trainable=['mixer', 'head'])))
