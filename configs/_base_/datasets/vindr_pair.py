# DisAsymNet, section 3.1: VinDr-Mammo, abnormal = BI-RADS not 1, 8:1:1 by patient;
# 13,404 + 6,580 images in the paper.
#     python tools/dataset_converters/vindr_mammo.py RAW_DIR --out data/vindr_mammo \
#         --split ratio
_base_ = './ddsm_pair.py'

data_root = 'data/vindr_mammo/'
labels = dict(
    _delete_=True,
    field='birads',
    negative=('1', ),
    positive=('0', '2', '3', '4', '5', '6'))
metainfo = dict(
    classes=('mass', 'calcification', 'architectural distortion', 'asymmetry',
             'focal asymmetry', 'global asymmetry', 'suspicious lymph node',
             'skin thickening', 'skin retraction', 'nipple retraction'))
settings = dict(data_root=data_root, labels=labels, metainfo=metainfo)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = dict(dataset=settings)
del settings
