# MommiNet-v2, section 3.8: SGD with momentum 0.9, batches of 16, a learning rate of
# 0.001 divided by 10 after the loss plateaued for 5 epochs, early stopping, at most
# 100 epochs. Which loss is monitored and when to stop is not stated. We monitor the
# cross entropy on the validation patches: the training loss of eq. 4 falls with its
# sigmas, regardless of the fit.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.001, momentum=0.9)
)
param_scheduler = [
    dict(
        type='ReduceOnPlateauLR',
        monitor='malignancy/log_loss',
        rule='less',
        factor=0.1,
        patience=5,
    )
]
custom_hooks = [
    dict(
        type='EarlyStoppingHook',
        monitor='malignancy/log_loss',
        rule='less',
        min_delta=0.0,
        # longer than a plateau, so that the smaller learning rate is used first
        patience=15,
    )
]
auto_scale_lr = dict(enable=False, base_batch_size=16)
