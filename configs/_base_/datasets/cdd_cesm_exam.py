# NaFV-Net, experiments: CDD-CESM exams with four low-energy and four recombined
# images, BI-RADS 1 to 3 against 4 to 6; 92 + 167 cases in the paper. 7:2:1 by patient;
# for 10 folds convert with --split kfold --folds 10 --val-folds 2.
#     python tools/dataset_converters/cdd_cesm.py RAW_DIR --out data/cdd_cesm
dataset_type = 'ExamDataset'
data_root = 'data/cdd_cesm/'
modality = ('CEM-LE', 'CEM-RC')
labels = dict(field='birads', negative=('1', '2', '3'), positive=('4', '5', '6'))
views = tuple(f'{m} {v}' for m in modality
              for v in ('RCC', 'LCC', 'RMLO', 'LMLO'))

size = (224, 224)  # height, width; the paper does not say
pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='DrawLesionMap'),
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ]),
    # the sides of the images that are classified
    dict(type='RegisterSides', modality='CEM-LE'),
    dict(type='PackExamInputs', views=views)
]

dataset = dict(
    type=dataset_type,
    target='exam',
    modality=modality,
    complete=True,
    labels=labels,
    metainfo=dict(classes=('mass', )),
    # in images with several findings ('other') a region may be a mass
    ignored_classes=('calcification', 'architectural distortion', 'asymmetry',
                     'non-mass enhancement', 'other'),
    data_root=data_root,
    ann_file='annotations/train.json',
    pipeline=pipeline)
loader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False))
train_dataloader = dict(
    loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dataset)
val_dataloader = dict(
    loader, dataset=dict(dataset, ann_file='annotations/val.json', test_mode=True))
test_dataloader = dict(
    loader, dataset=dict(dataset, ann_file='annotations/test.json', test_mode=True))
del dataset, loader
