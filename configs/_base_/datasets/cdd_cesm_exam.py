# NaFV-Net, experiments: CDD-CESM exams with four low-energy and four recombined
# images, BI-RADS 1 to 3 against 4 to 6; 92 + 167 cases in the paper. 7:2:1 by patient;
# for 10 folds convert with --split kfold --folds 10.
#     python tools/dataset_converters/cdd_cesm.py RAW_DIR --out data/cdd_cesm
_base_ = './ddsm_pair.py'

data_root = 'data/cdd_cesm/'
modality = ('CEM-LE', 'CEM-RC')
views = tuple(f'{m} {v}' for m in modality
              for v in ('RCC', 'LCC', 'RMLO', 'LMLO'))
pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='DrawLesionMap'),
            # the paper does not say the size
            dict(type='Resize', scale=(224, 224), keep_ratio=False)
        ]),
    dict(type='PackExamInputs', views=views)
]

loader = dict(
    batch_size=4,
    dataset=dict(
        target='exam',
        modality=modality,
        labels=dict(
            _delete_=True,
            field='birads',
            negative=('1', '2', '3'),
            positive=('4', '5', '6')),
        metainfo=dict(classes=('mass', )),
        other_classes='drop',
        data_root=data_root,
        pipeline=pipeline))
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
del loader, pipeline
