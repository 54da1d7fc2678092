# The phantom's exams, each view beside its partners; see phantom_detection.py.
_base_ = './ddsm_tri_view.py'
data_root = 'data/phantom/'

train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root))
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, ann_file='annotations/test.json'))
test_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(data_root=data_root))
