# Blending adversarial networks (Lin et al., section 2.1).
model = dict(
    type='BlendingGAN',
    generator=dict(type='UNetGenerator', base_channels=64, num_levels=5),
    discriminator=dict(type='PatchDiscriminator', base_channels=64),
    prior_weight=10.0,
)
# each part of the model reduces its own gradients
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')
