# The task of vindr_breast.py on the phantom of
#     python tools/dataset_converters/phantom.py --out data/phantom
# BI-RADS 2 there is a breast with a normal dense nodule or a mass that looks benign.
_base_ = './vindr_breast.py'
data_root = 'data/phantom/'

load = [
    dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
    dict(type='Resize', scale=(128, 256), keep_ratio=False)
]
train_pipeline = [
    dict(type='ForEachView', transforms=load),
    dict(type='PackExamInputs', views={{_base_.views}})
]
test_pipeline = train_pipeline
metainfo = dict(classes=('mass', ))

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root, metainfo=metainfo, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root, metainfo=metainfo, pipeline=test_pipeline))
test_dataloader = val_dataloader
