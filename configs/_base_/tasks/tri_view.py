# Masses in each view with its partners: the other projection of the same breast and
# the registered other breast (MommiNet-v2, sections 3.2 and 3.3).
image = dict(type='LoadMammogram', cache_dir='data/pixel_cache')
annotations = dict(type='LoadAnnotations', with_bbox=True)
resize = dict(type='ResizeWithin', max_height=3000, max_width=1500)
nipple = dict(type='LocateNipple')
register = dict(type='RegisterContralateral')
pack = dict(type='PackExamInputs')
dataset = dict(
    type='ExamDataset',
    partners=('ipsilateral', 'bilateral'),
    metainfo=dict(classes=('mass',)),
    # images with only other findings count as normal
    other_classes='rest',
)
loader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)

train_dataloader = dict(
    loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        dataset,
        ann_file='annotations/train.json',
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=dict(
            order=['load', 'register', 'geometry', 'augment', 'pack'],
            load=dict(
                type='ForEachView',
                transforms=dict(
                    order=['image', 'annotations', 'lesions', 'resize', 'nipple'],
                    image=image,
                    annotations=annotations,
                    lesions=dict(type='DrawLesionMap'),
                    resize=resize,
                    nipple=nipple,
                ),
            ),
            register=register,
            # the same for all views: registration and nipple distances depend on it
            geometry=dict(
                type='ForEachView',
                share_random_params=True,
                transforms=dict(
                    order=['flip'],
                    flip=dict(
                        type='RandomFlip',
                        prob=0.5,
                        direction=['horizontal', 'vertical'],
                    ),
                ),
            ),
            augment=dict(
                type='ForEachView',
                transforms=dict(
                    order=['intensity', 'filter'],
                    intensity=dict(type='RandomIntensity'),
                    # boxes outside the breast's crop have no area left
                    filter=dict(
                        type='FilterAnnotations',
                        min_gt_bbox_wh=(1, 1),
                        keep_empty=False,
                    ),
                ),
            ),
            pack=pack,
        ),
    ),
)
tested = dict(
    dataset,
    test_mode=True,
    pipeline=dict(
        order=['load', 'register', 'annotations', 'pack'],
        load=dict(
            type='ForEachView',
            transforms=dict(
                order=['image', 'resize', 'nipple'],
                image=image,
                resize=resize,
                nipple=nipple,
            ),
        ),
        register=register,
        # after resizing: predictions are rescaled, so the ground truth must not be
        annotations=dict(type='ForEachView', views=['main'], transforms=[annotations]),
        pack=pack,
    ),
)
val_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/val.json'))
test_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/test.json'))
del image, annotations, resize, nipple, register, pack, dataset, loader, tested

# section 4: a hit is an IoU above 0.2; recall at 0.5, 1 and 2 FPPI
val_evaluator = dict(
    type='NamedEvaluator',
    metrics=dict(detection=dict(type='FROCMetric', iou_thr=0.2, fppi=(0.5, 1, 2))),
)
test_evaluator = val_evaluator
