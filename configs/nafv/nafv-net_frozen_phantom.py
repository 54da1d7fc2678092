# As "Not Fine-tuning on DINOv2" of table 3; without weights, the embedding is random.
_base_ = './nafv-net_phantom.py'
train_cfg = dict(stages=dict(classification=dict(trainable=['mixer', 'head'])))
