# The same on the phantom of `python tools/dataset_converters/phantom.py --out
# data/phantom`. It has no val part: validation shows the test part, nothing is selected
# by it.
_base_ = './inbreast_mass.py'
data_root = 'data/phantom/'

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/train.json'))
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/test.json'))
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/test.json'))
