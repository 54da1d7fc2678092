# Breasts with both views, benign against malignant (DIVF-Net, section 4.1). The labels of
# the data set define what is malignant: datasets/*_breast.py.
dataset = dict(
    type='ExamDataset',
    target='breast',
    complete=True,
    pipeline=dict(
        order=['load', 'pack'],
        load=dict(
            type='ForEachView',
            transforms=dict(
                order=['image', 'resize'],
                image=dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
                # width, height
                resize=dict(type='Resize', scale=(800, 800), keep_ratio=False),
            ),
        ),
        pack=dict(type='PackExamInputs', views=('CC', 'MLO')),
    ),
)
loader = dict(
    batch_size=16,  # breasts; two views each
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
train_dataloader = dict(
    loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, ann_file='annotations/train.json'),
)
val_dataloader = dict(
    loader,
    drop_last=False,
    dataset=dict(dataset, ann_file='annotations/val.json', test_mode=True),
)
test_dataloader = dict(
    loader,
    drop_last=False,
    dataset=dict(dataset, ann_file='annotations/test.json', test_mode=True),
)
del dataset, loader

val_evaluator = dict(type='ROCMetric', class_names=('benign', 'malignant'))
test_evaluator = val_evaluator
