# DIVF-Net, section 4.2: SGD, a learning rate of 0.001 divided by 10 after 20, 40, 60
# and 80 of 200 epochs, batches of 16 breasts. Momentum is not stated; 0.9 is ours.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.001, momentum=0.9)
)
param_scheduler = [dict(type='MultiStepLR', milestones=[20, 40, 60, 80], gamma=0.1)]
auto_scale_lr = dict(enable=False, base_batch_size=16)
