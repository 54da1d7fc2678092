# The paper states neither length nor optimizer. These are from Isola et al. (2017),
# which it follows. The learning rate falls to zero in the second half, as in their
# code.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200)

adam = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=0.0002, betas=(0.5, 0.999))
)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor', generator=adam, discriminator=adam
)
del adam
param_scheduler = dict(
    type='LinearLR',
    start_factor=1.0,
    end_factor=0.0,
    by_epoch=True,
    begin=100,
    convert_to_iter_based=True,
)
