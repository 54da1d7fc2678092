# Whole exams of four views: masses are segmented, and the exam is classified as benign or
# malignant (NaFV-Net, experiments). The data set defines what is malignant and which
# kinds of images are used: datasets/*_exam.py.
pipeline = dict(
    order=['load', 'register', 'pack'],
    load=dict(
        type='ForEachView',
        transforms=dict(
            order=['image', 'masses', 'resize'],
            image=dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            masses=dict(type='DrawLesionMap'),
            # width, height; the paper does not state them
            resize=dict(type='Resize', scale=(224, 224), keep_ratio=False),
        ),
    ),
    register=dict(type='RegisterSides'),
    pack=dict(type='PackExamInputs', views=('RCC', 'LCC', 'RMLO', 'LMLO')),
)
dataset = dict(
    type='ExamDataset',
    target='exam',
    complete=True,
    metainfo=dict(classes=('mass',)),
    # in images with several findings, a region of another kind may be a mass
    ignored_classes='rest',
    pipeline=pipeline,
)
loader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
train_dataloader = dict(
    loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, ann_file='annotations/train.json'),
)
val_dataloader = dict(
    loader, dataset=dict(dataset, ann_file='annotations/val.json', test_mode=True)
)
test_dataloader = dict(
    loader, dataset=dict(dataset, ann_file='annotations/test.json', test_mode=True)
)
del pipeline, dataset, loader

malignancy = dict(
    type='ROCMetric', prefix='malignancy', class_names=('benign', 'malignant')
)
test_evaluator = dict(
    type='NamedEvaluator',
    metrics=dict(malignancy=malignancy, segmentation=dict(type='SegmentationMetric')),
)
# confidence intervals only in the test
val_evaluator = dict(
    type='NamedEvaluator',
    metrics=dict(
        malignancy=dict(malignancy, n_bootstrap=0),
        segmentation=dict(type='SegmentationMetric', n_bootstrap=0),
    ),
)
del malignancy
