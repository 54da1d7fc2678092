# DisAsymNet without Synthesis, INbreast: tables 1 and 2.
_base_ = './disasymnet_inbreast.py'
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
