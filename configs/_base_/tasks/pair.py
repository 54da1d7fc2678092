# Both breasts in one projection: asymmetry of the pair, abnormality of each breast and
# its location, learned only from these labels (DisAsymNet, section 3.1). The data set
# defines what is abnormal: labels of datasets/*_pair.py.
size = (512, 1024)  # width, height

load = dict(
    type='ForEachView',
    transforms=dict(
        order=['image', 'normal', 'annotations', 'resize'],
        slots=['normal'],  # for phantoms
        image=dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
        # boxes are used to test localization
        annotations=dict(type='LoadAnnotations', with_bbox=True),
        resize=dict(type='Resize', scale=size, keep_ratio=False),
    ),
)
pack = dict(type='PackExamInputs', views=('R', 'L'))
loader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
dataset = dict(type='ExamDataset', target='pair', complete=True)

train_dataloader = dict(
    loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        dataset,
        ann_file='annotations/train.json',
        pipeline=dict(
            order=['load', 'insert', 'augment', 'pack'],
            slots=['insert'],  # synthetic lesions
            load=load,
            # "random zooming and random cropping"; the ranges are not stated
            augment=dict(
                type='ForEachView',
                share_random_params=True,  # both sides stay comparable
                transforms=dict(
                    order=['geometry'],
                    geometry=dict(
                        type='WithCleanImage',
                        transforms=dict(
                            order=['zoom', 'crop'],
                            zoom=dict(
                                type='RandomResize',
                                resize_type='mammo.Resize',
                                scale=size,
                                ratio_range=(1.0, 1.2),
                                keep_ratio=False,
                            ),
                            crop=dict(
                                type='RandomCrop',
                                crop_size=size,
                                allow_negative_crop=True,
                            ),
                        ),
                    ),
                ),
            ),
            pack=pack,
        ),
    ),
)
tested = dict(
    dataset, test_mode=True, pipeline=dict(order=['load', 'pack'], load=load, pack=pack)
)
val_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/val.json'))
test_dataloader = dict(loader, dataset=dict(tested, ann_file='annotations/test.json'))
del size, load, pack, loader, dataset, tested

val_evaluator = dict(
    type='NamedEvaluator',
    metrics=dict(
        asymmetry=dict(
            type='ROCMetric',
            prefix='asymmetric',
            class_names=('symmetric', 'asymmetric'),
        ),
        abnormality=dict(type='ViewROCMetric', class_names=('normal', 'abnormal')),
        localization=dict(type='WeakLocalizationMetric'),
    ),
)
test_evaluator = val_evaluator
