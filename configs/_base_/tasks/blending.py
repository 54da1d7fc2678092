# Normal views, into which a lesion from a bank is pasted, each with a real view with
# lesions (blending adversarial networks, section 2). Views without a mass are normal.
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
            slots=['crop'],  # window around a lesion, for phantoms
            load=dict(
                type='ForEachView',
                transforms=dict(
                    order=['image', 'resize'],
                    image=dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
                    # width, height; the paper does not state them
                    resize=dict(type='Resize', scale=(512, 1024), keep_ratio=False),
                ),
            ),
            # the data set's config sets the lesion bank
            paste=dict(type='PasteLesion', margin=0.5),
            pack=dict(type='PackBlendingInputs'),
        ),
    ),
)
