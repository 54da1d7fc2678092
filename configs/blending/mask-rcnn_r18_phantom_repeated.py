# The original data, seen as often as original and synthetic data together: what more
# iterations alone do.
_base_ = './mask-rcnn_r18_phantom_blending.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=3,
        dataset=_base_.train_dataloader.dataset.datasets.original,
    )
)
