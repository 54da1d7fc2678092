# Blending adversarial networks, section 3: INbreast, fold 1 of 5 by patient.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --split kfold --folds 5
#     python tools/build_lesion_bank.py data/inbreast/annotations/fold_1/train.json \
#         --out data/inbreast/lesion_bank_fold_1.npz --data-root data/inbreast \
#         --classes mass --context 2
# Normal are images without a mass.
data_root = 'data/inbreast/'
bank = 'data/inbreast/lesion_bank_fold_1.npz'

size = (1024, 512)  # height, width
train_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ]),
    dict(type='PasteLesion', bank=bank, margin=0.5),
    dict(type='PackBlendingInputs')
]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='BlendingDataset',
        data_root=data_root,
        metainfo=dict(classes=('mass', )),
        other_classes=('calcification', 'calcification cluster',
                       'spiculated region', 'architectural distortion',
                       'asymmetry', 'other'),
        fold=1,
        ann_file='annotations/fold_{fold}/train.json',
        pipeline=train_pipeline))
