# A small sibling of divf-concatenate_r18_vindr.py that trains on two cores.
_base_ = [
    '../_base_/models/divf_net.py', '../_base_/datasets/phantom_breast.py',
    '../_base_/schedules/divf_200e.py', '../_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=dict(num_channels=1),
    backbone=dict(
        in_channels=1, stem_channels=16, base_channels=8, init_cfg=None),
    head=dict(in_channels=64))

max_epochs = 10
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
    logger=dict(interval=10),
    checkpoint=dict(interval=max_epochs, max_keep_ckpts=1))
