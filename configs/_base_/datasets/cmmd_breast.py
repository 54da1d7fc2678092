# DIVF-Net, section 4.1: breasts with both views of CMMD, benign against malignant,
# 85:15 by patient, stratified; 586 + 1,362 breasts in the paper.
#     python tools/dataset_converters/cmmd.py RAW_DIR --out data/cmmd
_base_ = './vindr_breast.py'

data_root = 'data/cmmd/'
labels = dict(
    _delete_=True,
    field='pathology',
    negative=('benign', ),
    positive=('malignant', ))
settings = dict(
    data_root=data_root,
    labels=labels,
    metainfo=dict(classes=('mass', 'calcification')))
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = val_dataloader
del settings
