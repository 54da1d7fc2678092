# A small sibling of malignancy_densenet121_ddsm.py that trains on two cores.
_base_ = [
    '../_base_/models/malignancy_densenet121.py',
    '../_base_/datasets/phantom_patches.py',
    '../_base_/schedules/malignancy_100e.py', '../_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=dict(num_channels=1),
    backbone=dict(
        _delete_=True,
        type='DenseNet',
        arch=dict(growth_rate=8, depths=[2, 2, 2], init_channels=16),
        in_channels=1),
    head=dict(in_channels=32))

max_epochs = 30
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.05))
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
    logger=dict(interval=5),
    checkpoint=dict(interval=max_epochs))
custom_hooks = []
