# NaFV-Net, experiments: CDD-CESM exams with four low-energy and four recombined
# images, BI-RADS 1 to 3 against 4 to 6; 92 + 167 cases in the paper. 7:2:1 by patient;
# for 10 folds convert with --split kfold --folds 10.
#     python tools/dataset_converters/cdd_cesm.py RAW_DIR --out data/cdd_cesm
dataset_type = 'ExamDataset'
data_root = 'data/cdd_cesm/'
modality = ('CEM-LE', 'CEM-RC')
labels = dict(
    field='birads', negative=('1', '2', '3'), positive=('4', '5', '6'))
views = tuple(f'{m} {v}' for m in modality
              for v in ('RCC', 'LCC', 'RMLO', 'LMLO'))

train_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='DrawLesionMap'),
            dict(type='Resize', scale=(224, 224), keep_ratio=False)
        ]),
    dict(type='PackExamInputs', views=views)
]
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        target='exam',
        modality=modality,
        complete=True,
        labels=labels,
        other_classes='drop',
        data_root=data_root,
        ann_file='annotations/train.json',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='exam',
        modality=modality,
        complete=True,
        labels=labels,
        other_classes='drop',
        data_root=data_root,
        ann_file='annotations/val.json',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='exam',
        modality=modality,
        complete=True,
        labels=labels,
        other_classes='drop',
        data_root=data_root,
        ann_file='annotations/test.json',
        test_mode=True,
        pipeline=test_pipeline))
