# DisAsymNet, section 3.2, for INbreast: 50 epochs, rate divided by 10 every 20 epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.0001))
param_scheduler = [dict(type='MultiStepLR', milestones=[20, 40], gamma=0.1)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
