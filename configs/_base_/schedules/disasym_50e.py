# DisAsymNet, section 3.2, for INbreast: 50 epochs, a tenth after each 20.
_base_ = './disasym_20e.py'

train_cfg = dict(max_epochs=50)
param_scheduler = [dict(type='MultiStepLR', milestones=[20, 40], gamma=0.1)]
