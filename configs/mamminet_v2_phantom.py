# Small MommiNet-v2: all four stages on phantom exams in minutes on two cores.
#     python tools/dataset_converters/phantom.py --exams 100 --size 256 128 \
#         --out data/phantom
#     python tools/train.py configs/mamminet_v2_phantom.py
_base_ = [
    './mamminet_v2.py',
    './_base_/models/momminet_v2_w8.py',
    './_base_/schedules/from_scratch.py',
]

model = dict(
    data_preprocessor=_base_.small.data_preprocessor,
    ipsilateral=_base_.small.ipsilateral,
    bilateral=_base_.small.bilateral,
    fusion=_base_.small.fusion,
    malignancy=_base_.small.malignancy,
    test_cfg=dict(patch_size=64),
)

# no val part: validation uses the test part, but nothing is selected by it
loader = dict(
    batch_size=4, num_workers=1, dataset=dict(type='Phantom', data_root='data/phantom/')
)
train_dataloader = loader
val_dataloader = dict(
    loader, dataset=dict(loader['dataset'], ann_file='annotations/test.json')
)
test_dataloader = loader
del loader

optim_wrapper = _base_.from_scratch.optim_wrapper
param_scheduler = [_base_.from_scratch.warm_up, _base_.from_scratch.cosine]
train_cfg = dict(
    stages=dict(
        ipsilateral=dict(max_epochs=6),
        bilateral=dict(max_epochs=6),
        fusion=dict(max_epochs=4),
        malignancy=dict(
            max_epochs=10,
            train_dataloader=dict(dataset=dict(pipeline=dict(crop=dict(size=64)))),
            optim_wrapper=_base_.from_scratch.optim_wrapper,
            param_scheduler=[_base_.from_scratch.cosine],
        ),
    )
)
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=25))
