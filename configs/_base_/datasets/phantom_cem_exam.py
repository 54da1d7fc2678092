# The task of cdd_cesm_exam.py on the phantom of
#     python tools/dataset_converters/phantom.py --cem --out data/phantom_cem
# It has no val part: validation shows the test part, nothing is selected by it.
_base_ = './cdd_cesm_exam.py'
data_root = 'data/phantom_cem/'

size = (128, 64)
pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='DrawLesionMap'),
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ]),
    dict(type='RegisterSides', modality='CEM-LE'),
    dict(type='PackExamInputs', views={{_base_.views}})
]
settings = dict(data_root=data_root, pipeline=pipeline)
train_dataloader = dict(num_workers=1, dataset=settings)
val_dataloader = dict(
    num_workers=1, dataset=dict(settings, ann_file='annotations/test.json'))
test_dataloader = dict(num_workers=1, dataset=settings)
del settings
