# Small version of blending-gan_inbreast.py that trains on two cores.
#     python tools/dataset_converters/phantom.py --exams 240 --size 256 128 \
#         --split 0.4 0 0.6 --prevalence 0.4 --out data/phantom_masses
#     python tools/build_lesion_bank.py data/phantom_masses/annotations/train.json \
#         --out data/phantom_masses/lesion_bank.npz --context 2
# The phantom's boxes are tight, hence the context. Generators without prior information
# or without the adversarial term, and a vanilla GAN, are options in ablation.py.
_base_ = [
    '../_base_/models/blending_gan.py',
    '../_base_/tasks/blending.py',
    '../_base_/schedules/blending_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(base_channels=8, num_levels=4), discriminator=dict(base_channels=8)
)

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root='data/phantom_masses/',
        pipeline=dict(
            load=dict(transforms=dict(resize=dict(scale=(128, 256)))),
            paste=dict(bank='data/phantom_masses/lesion_bank.npz'),
            # whole images, as at paper scale, would take four times as long
            crop=dict(type='CropToLesion', size=(96, 96)),
        ),
    ),
)

train_cfg = dict(max_epochs=25)
optim_wrapper = dict(
    generator=dict(optimizer=dict(lr=0.002)),
    discriminator=dict(optimizer=dict(lr=0.001)),
)
param_scheduler = dict(begin=12)  # adjust it with max_epochs
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=25, max_keep_ckpts=1),
    random_state=dict(type='RandomStateHook'),
    plain_keys=dict(type='PlainKeysHook'),
)
