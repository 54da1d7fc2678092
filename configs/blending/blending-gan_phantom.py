# A small sibling of blending-gan_inbreast.py that trains on two cores.
_base_ = [
    '../_base_/models/blending_gan.py',
    '../_base_/datasets/phantom_blending.py',
    '../_base_/schedules/blending_200e.py', '../_base_/default_runtime.py'
]

model = dict(
    generator=dict(base_channels=8, num_levels=4),
    discriminator=dict(base_channels=8))

max_epochs = 25
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    generator=dict(optimizer=dict(lr=0.002)),
    discriminator=dict(optimizer=dict(lr=0.001)))
param_scheduler = dict(begin=max_epochs // 2, end=max_epochs)
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=max_epochs, max_keep_ckpts=1),
    random_state=dict(type='RandomStateHook'),
    plain_keys=dict(type='PlainKeysHook'))
