# Parts of the schedules of small networks that are trained from scratch on the
# phantom: AdamW, warm-up, cosine decay to the end of the training or stage.
from_scratch = dict(
    optim_wrapper=dict(
        optimizer=dict(_delete_=True, type='AdamW', lr=0.001, weight_decay=0.05),
        clip_grad=dict(max_norm=10),
    ),
    warm_up=dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    cosine=dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        eta_min_ratio=0.01,
        convert_to_iter_based=True,
    ),
)
