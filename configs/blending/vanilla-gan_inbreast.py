# "Vanilla GAN" (figure 5 d): breast and lesion from noise only, for visual inspection:
#     python tools/blend.py configs/blending/vanilla-gan_inbreast.py \
#         work_dirs/vanilla-gan_inbreast/epoch_200.pth --preview 6 --out DIR
_base_ = './blending-gan_inbreast.py'
model = dict(
    generator=dict(
        _delete_=True,
        type='NoiseGenerator',
        size=(1024, 512),  # height, width of the images
        num_levels=7,
    ),
    discriminator=dict(_delete_=True, type='ImageDiscriminator'),
    prior_weight=0.0,
    seamless=False,
    everywhere=True,
)
