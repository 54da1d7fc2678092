# The task of cdd_cesm_exam.py on ordinary mammograms: INbreast exams of four views.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast
_base_ = './cdd_cesm_exam.py'
data_root = 'data/inbreast/'
pipeline = [
    _base_.pipeline[0],
    dict(type='RegisterSides'),
    dict(type='PackExamInputs', views=('RCC', 'LCC', 'RMLO', 'LMLO'))
]
settings = dict(
    data_root=data_root,
    modality=None,
    pipeline=pipeline,
    ignored_classes=('calcification', 'calcification cluster', 'spiculated region',
                     'architectural distortion', 'asymmetry', 'other'))
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = dict(dataset=settings)
del settings
