# DisAsymNet, section 3.1: INbreast, abnormal = BI-RADS not 1, 6:2:2 by patient;
# 87 + 342 images in the paper (the set has 410).
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --ratios 0.6 0.2 0.2
_base_ = './vindr_pair.py'

data_root = 'data/inbreast/'
metainfo = dict(
    classes=('mass', 'calcification', 'calcification cluster', 'spiculated region',
             'architectural distortion', 'asymmetry', 'other'))
settings = dict(data_root=data_root, metainfo=metainfo)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = dict(dataset=settings)
del settings
