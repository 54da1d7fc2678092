# "Vanilla GAN" (figure 5 d): breast and lesion from noise only, on whole images. Its
# images are for visual inspection; it is not a row of a table or of ablation.py.
_base_ = './blending-gan_phantom.py'
model = dict(
    generator=dict(
        _delete_=True,
        type='NoiseGenerator',
        size=(256, 128),  # height, width of the images
        base_channels=8,
        num_levels=5,
    ),
    discriminator=dict(
        _delete_=True, type='ImageDiscriminator', base_channels=8, num_layers=5
    ),
    prior_weight=0.0,
    seamless=False,
    everywhere=True,
)
train_dataloader = dict(dataset=dict(pipeline=dict(crop=None)))
