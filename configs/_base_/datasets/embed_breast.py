# The task of vindr_breast.py on EMBED: breasts with both views and a pathology, benign
# against malignant. Most breasts have none and are left out.
#     python tools/dataset_converters/embed.py RAW_DIR --out data/embed
# The licence of the set forbids the release of models trained on it.
_base_ = './vindr_breast.py'

data_root = 'data/embed/'
labels = dict(
    _delete_=True,
    field='pathology',
    negative=('benign', ),
    positive=('malignant', ))
metainfo = dict(
    classes=('mass', 'calcification', 'architectural distortion', 'asymmetry',
             'finding'))
settings = dict(data_root=data_root, labels=labels, metainfo=metainfo)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=dict(settings, ann_file='annotations/val.json'))
test_dataloader = dict(dataset=settings)
del settings
