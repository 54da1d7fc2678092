# DisAsymNet without Synthesis, VinDr-Mammo: tables 1 and 2.
_base_ = './disasymnet_vindr.py'
train_dataloader = dict(dataset=dict(pipeline=dict(insert=None)))
