# DisAsymNet, section 3.2: Adam with a learning rate of 0.0001, divided by 10 after 10
# of 20 epochs, batches of 8 pairs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.0001))
param_scheduler = [dict(type='MultiStepLR', milestones=[10], gamma=0.1)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
