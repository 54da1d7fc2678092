# DisAsymNet, section 3.1: INbreast, abnormal = BI-RADS not 1, 6:2:2 by patient;
# 87 + 342 images in the paper (the set has 410).
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --ratios 0.6 0.2 0.2
_base_ = './vindr_pair.py'

data_root = 'data/inbreast/'
metainfo = dict(
    classes=('mass', 'calcification', 'calcification cluster', 'spiculated region',
             'architectural distortion', 'asymmetry', 'other'))
# table 2 holds regions against outlines, not boxes
test_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            _base_.load[0],
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            _base_.load[2]
        ]), _base_.test_pipeline[1]
]
settings = dict(data_root=data_root, metainfo=metainfo)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=dict(settings, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(settings, pipeline=test_pipeline))
del settings
