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
            *_base_.pipeline[0].transforms[:2],
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ]), *_base_.pipeline[1:]
]
settings = dict(data_root=data_root, ignored_classes=(), pipeline=pipeline)
train_dataloader = dict(num_workers=1, dataset=settings)
val_dataloader = dict(
    num_workers=1, dataset=dict(settings, ann_file='annotations/test.json'))
test_dataloader = dict(num_workers=1, dataset=settings)
del settings
