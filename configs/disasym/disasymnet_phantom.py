# Small version of disasymnet_ddsm.py that trains on two cores. The tumours come from
# another data set, a phantom with another seed:
#     python tools/dataset_converters/phantom.py --exams 450 --size 256 128 \
#         --split 0.667 0 0.333 --prevalence 0.6 --density A --out data/phantom_pairs
#     python tools/dataset_converters/phantom.py --out data/phantom_bank --seed 1000 \
#         --exams 60 --size 256 128 --split 1 0 0 --prevalence 1 --density A
#     python tools/build_lesion_bank.py data/phantom_bank/annotations/train.json \
#         --out data/phantom_bank/lesion_bank.npz
# The other rows of tables 1 and 2 are options in ablation.py.
_base_ = [
    '../_base_/models/dis_asym_net.py',
    '../_base_/tasks/pair.py',
    '../_base_/schedules/phantom_10e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    num_channels=1,
    asyc=dict(
        encoder=dict(
            in_channels=1,
            stem_channels=16,
            base_channels=8,
            strides=(1, 2, 1, 1),  # 12 x 6 positions
            init_cfg=None,
        ),
        in_channels=64,
        neck=dict(in_channels=64, num_layers=2),
    ),
    asyd=dict(in_channels=(8, 16, 32, 64), channels=16),
    # with the paper's 1, a decoder of this size paints patterns that the discriminator
    # classifies as normal: docs/results/disasym.md
    weights=dict(dics=0.01),
)

size = (48, 96)  # width, height
data_set = dict(
    type='Phantom',
    data_root='data/phantom_pairs/',
    labels=dict(field='abnormal', negative=(False,), positive=(True,)),
)
train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_set,
        pipeline=dict(
            load=dict(transforms=dict(resize=dict(scale=size))),
            insert=dict(type='InsertLesions', bank='data/phantom_bank/lesion_bank.npz'),
            augment=dict(
                transforms=dict(
                    geometry=dict(
                        transforms=dict(
                            zoom=dict(scale=size), crop=dict(crop_size=size)
                        )
                    )
                )
            ),
        ),
    ),
)
# the metrics use masks and the lesion-free pixels, which only a phantom has
tested = dict(
    data_set,
    ann_file='annotations/test.json',
    pipeline=dict(
        load=dict(
            transforms=dict(
                normal=dict(type='LoadPhantomNormal'),
                annotations=dict(with_mask=True),
                resize=dict(
                    _delete_=True,
                    type='WithCleanImage',
                    transforms=dict(
                        order=['resize'],
                        resize=dict(type='Resize', scale=size, keep_ratio=False),
                    ),
                ),
            )
        )
    ),
)
val_dataloader = dict(num_workers=1, dataset=tested)
test_dataloader = dict(num_workers=1, dataset=tested)
del size, data_set, tested

val_evaluator = dict(metrics=dict(reconstruction=dict(type='ReconstructionMetric')))
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=8)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='Adam', lr=0.001))
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
