# The paper states neither length nor optimiser: those of Isola et al. (2017), which it
# follows, with the rate falling to nought in the second half, as in their code.
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
