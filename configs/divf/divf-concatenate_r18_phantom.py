# Small version of divf-concatenate_r18_vindr.py that trains on two cores.
# Its data:
#     python tools/dataset_converters/phantom.py --exams 800 --size 256 128 \
#         --density A B --prevalence 0.3 --split 0.6 0 0.4 --out data/phantom_breasts
# The other rows of tables 1 and 2 are options in ablation.py.
_base_ = [
    '../_base_/models/divf_net.py',
    '../_base_/tasks/breast.py',
    '../_base_/schedules/phantom_10e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(num_channels=1),
    backbone=dict(in_channels=1, stem_channels=16, base_channels=8, init_cfg=None),
    head=dict(in_channels=64),
)

breasts = dict(
    type='Phantom',
    data_root='data/phantom_breasts/',
    # BI-RADS 2: a normal dense nodule, or a mass that looks benign
    labels=dict(field='birads', negative=('2',), positive=('4', '5')),
    pipeline=dict(load=dict(transforms=dict(resize=dict(scale=(128, 256))))),
)
train_dataloader = dict(num_workers=1, dataset=breasts)
val_dataloader = dict(
    num_workers=1, dataset=dict(breasts, ann_file='annotations/test.json')
)
test_dataloader = dict(num_workers=1, dataset=breasts)
del breasts

default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
