# Small NaFV-Net: both stages on contrast-enhanced phantom exams in minutes on two
# cores.
#     python tools/dataset_converters/phantom.py --exams 900 --size 128 64 --cem \
#         --prevalence 1 --density A --lesion-diameter 16 25 --out data/phantom_cem
#     python tools/train.py configs/nafv/nafv-net_phantom.py
# The last weights are tested; nothing is selected.
_base_ = [
    '../_base_/models/nafv_net.py',
    '../_base_/tasks/exam.py',
    '../_base_/datasets/cdd_cesm_exam.py',
    '../_base_/schedules/nafv_500e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    segmentor=dict(
        num_tokens=16 * 8,
        channels=(16, 32, 32),
        embed_dims=32,
        num_layers=1,
        num_heads=4,
    ),
    # no weights are needed
    embedding=dict(_delete_=True, type='ConvEmbedding', channels=(16, 32, 32)),
    embed_dims=32,
    mean=(0.0,),
    std=(1.0,),
    mixer=dict(channels=(32, 32, 64), num_blocks=(1, 1, 1), num_heads=4),
    head=dict(mid_channels=[32]),
)

# another optimizer for short training from scratch
adamw = dict(
    _delete_=True,
    optimizer=dict(type='AdamW', lr=0.001, weight_decay=0.01),
    clip_grad=dict(max_norm=10),
)
cosine = dict(
    type='CosineAnnealingLR',
    by_epoch=True,
    begin=0,
    eta_min_ratio=0.01,
    convert_to_iter_based=True,
)
train_cfg = dict(
    stages=dict(
        segmentation=dict(
            max_epochs=3,
            optim_wrapper=dict(adamw, optimizer=dict(adamw['optimizer'], lr=0.005)),
            param_scheduler=[dict(cosine)],
            val_begin=1,
            val_interval=None,
            # exams are not classified while masses are learned
            val_evaluator=dict(metrics=dict(malignancy=None)),
            save_best=None,
        ),
        classification=dict(
            max_epochs=4,
            optim_wrapper=dict(adamw),
            param_scheduler=[dict(cosine)],
            val_interval=None,
            save_best=None,
        ),
    )
)
del adamw, cosine

phantom = dict(
    _base_.data_set,
    type='Phantom',
    data_root='data/phantom_cem/',
    pipeline=dict(
        _base_.data_set.pipeline,
        load=dict(transforms=dict(resize=dict(scale=(64, 128)))),
    ),
)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=phantom)
# no val part: validation uses the test part
val_dataloader = dict(
    num_workers=1, dataset=dict(phantom, ann_file='annotations/test.json')
)
test_dataloader = dict(num_workers=1, dataset=phantom)
del phantom
auto_scale_lr = dict(base_batch_size=8)
custom_hooks = []
default_hooks = dict(logger=dict(interval=25))
