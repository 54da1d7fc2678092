# The task of vindr_breast.py on the RSNA set of 2022: breasts with both views, cancer
# against none. The latter are breasts without a biopsy, whose pathology is unknown, and
# those with a benign one; about one breast in fifty has cancer.
#     python tools/dataset_converters/rsna.py RAW_DIR --out data/rsna
_base_ = './vindr_breast.py'

data_root = 'data/rsna/'
labels = dict(
    _delete_=True,
    field='pathology',
    negative=('benign', None),
    positive=('malignant', ))
metainfo = dict(classes=('mass', ))  # the set outlines no lesions
settings = dict(data_root=data_root, labels=labels, metainfo=metainfo)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=dict(settings, ann_file='annotations/val.json'))
test_dataloader = dict(dataset=settings)
del settings
