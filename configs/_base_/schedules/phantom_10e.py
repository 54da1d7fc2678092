# Short training on the phantom from scratch: AdamW, cosine decay to the end of any
# length. There is no val part: the test part is evaluated once, nothing is selected.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=10, val_interval=1000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.05)
)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        eta_min_ratio=0.01,
        convert_to_iter_based=True,
    )
]
auto_scale_lr = dict(enable=False, base_batch_size=16)
