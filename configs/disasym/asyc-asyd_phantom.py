# A small sibling of asyc-asyd_ddsm.py that trains on two cores.
_base_ = [
    '../_base_/models/dis_asym_net.py', '../_base_/datasets/phantom_pair.py',
    '../_base_/schedules/disasym_20e.py', '../_base_/default_runtime.py'
]

model = dict(
    num_channels=1,
    asyc=dict(
        encoder=dict(
            in_channels=1,
            stem_channels=16,
            base_channels=8,
            strides=(1, 2, 1, 1),  # 12 x 6 places
            init_cfg=None),
        in_channels=64,
        neck=dict(in_channels=64, num_layers=2)),
    asyd=dict(in_channels=(8, 16, 32, 64), channels=16),
    # with the paper's 1 a decoder of this size paints patterns that the discriminator
    # calls normal: docs/results/disasym.md
    weights=dict(dics=0.01))

val_evaluator = _base_.val_evaluator + [dict(type='ReconstructionMetric')]
test_evaluator = val_evaluator

max_epochs = 8
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.001))
# nothing is selected by the test part
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        eta_min_ratio=0.01,
        convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=max_epochs, max_keep_ckpts=1))
