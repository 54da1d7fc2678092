# DIVF-Net, section 4.1: breasts with both views of VinDr-Mammo, BI-RADS 2 (suspicious
# benign) against 4 and 5 (suspicious malignancy); 2,337 + 494 breasts in the paper.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo \
#         --val-share 0
# The paper has no val part: validation shows the test part, nothing is selected by it.
dataset_type = 'ExamDataset'
data_root = 'data/vindr_mammo/'
labels = dict(field='birads', negative=('2', ), positive=('4', '5'))
views = ('CC', 'MLO')
# lesions of any kind, in breasts of BI-RADS 4 and 5, are pasted by SynthesizeMalignancy
metainfo = dict(
    classes=('mass', 'calcification', 'architectural distortion', 'asymmetry',
             'focal asymmetry', 'global asymmetry', 'suspicious lymph node',
             'skin thickening', 'skin retraction', 'nipple retraction'))

load = [
    dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
    dict(type='Resize', scale=(800, 800), keep_ratio=False)
]
train_pipeline = [
    dict(type='ForEachView', transforms=load),
    dict(type='PackExamInputs', views=views)
]
test_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=16,  # breasts; two views each
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        target='breast',
        complete=True,
        labels=labels,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/train.json',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='breast',
        complete=True,
        labels=labels,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/test.json',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
