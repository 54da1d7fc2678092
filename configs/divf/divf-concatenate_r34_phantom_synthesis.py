# Soft-Adapted Malignancy Synthesis, all stages, on the phantom: table 2. Saliency comes
# from the warm-up, divf-concatenate_r34_phantom.py: docs/how_to/synthesis.md.
_base_ = './divf-concatenate_r18_phantom.py'

model = dict(backbone=dict(depth=34))

breasts = _base_.train_dataloader.dataset
steps = breasts.pipeline
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='NamedMixDataset',
        dataset=dict(
            breasts,
            pipeline=dict(
                order=['load'],
                load=dict(
                    type='ForEachView',
                    transforms=dict(steps.load.transforms, resize=None),
                ),
            ),
        ),
        pipeline=dict(
            order=['synthesis', 'resize', 'pack'],
            synthesis=dict(
                type='SynthesizeMalignancy',
                saliency='data/phantom_synthetic/saliency.npz',
                prob=0.4,
                fourier_beta=0.01,
                soft_mask=dict(),
            ),
            resize=dict(
                type='ForEachView', transforms=dict(steps.load.transforms, image=None)
            ),
            pack=steps.pack,
        ),
    )
)
del breasts, steps
