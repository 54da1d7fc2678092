# "Vanilla GAN" (figure 5 d): breast and lesion of noise alone, on whole images.
_base_ = './blending-gan_phantom.py'
model = dict(
    generator=dict(
        _delete_=True,
        type='NoiseGenerator',
        size={{_base_.size}},
        base_channels=8,
        num_levels=5),
    discriminator=dict(
        _delete_=True, type='ImageDiscriminator', base_channels=8, num_layers=5),
    prior_weight=0.,
    seamless=False,
    everywhere=True)

pipeline = _base_.train_pipeline
pipeline.pop(2)  # the window around a lesion
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
