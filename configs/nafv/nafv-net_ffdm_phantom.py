# nafv-net_inbreast.py made small, on the phantom without contrast enhancement.
_base_ = './nafv-net_phantom.py'
model = dict(modality=None, segmentor=dict(modality=None))

pipeline = [
    _base_.pipeline[0],
    dict(type='RegisterSides'),
    dict(type='PackExamInputs', views=('RCC', 'LCC', 'RMLO', 'LMLO'))
]
settings = dict(data_root='data/phantom/', modality=None, pipeline=pipeline)
train_dataloader = dict(dataset=settings)
val_dataloader = dict(dataset=settings)
test_dataloader = dict(dataset=settings)
del settings
