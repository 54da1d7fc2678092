# Normal views that a lesion of a bank is pasted into, each beside a real view with
# lesions (blending adversarial networks, section 2). Normal are views without a mass.
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='BlendingDataset',
        metainfo=dict(classes=('mass',)),
        other_classes='rest',
        ann_file='annotations/train.json',
        pipeline=dict(
            order=['load', 'paste', 'crop', 'pack'],
            slots=['crop'],  # the window around a lesion, of phantoms
            load=dict(
                type='ForEachView',
                transforms=dict(
                    order=['image', 'resize'],
                    image=dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
                    # width, height; the paper does not say
                    resize=dict(type='Resize', scale=(512, 1024), keep_ratio=False),
                ),
            ),
            # the bank of lesions is the data set's
            paste=dict(type='PasteLesion', margin=0.5),
            pack=dict(type='PackBlendingInputs'),
        ),
    ),
)
