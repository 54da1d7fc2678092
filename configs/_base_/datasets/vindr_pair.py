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
train_dataloader = dict(dataset=dict(data_root=data_root, labels=labels))
val_dataloader = dict(dataset=dict(data_root=data_root, labels=labels))
test_dataloader = dict(dataset=dict(data_root=data_root, labels=labels))
