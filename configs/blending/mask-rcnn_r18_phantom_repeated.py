# The original data, repeated to the number of original and synthetic images together:
# the control for more iterations.
_base_ = './mask-rcnn_r18_phantom_blending.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=3,
        dataset=_base_.train_dataloader.dataset.datasets.original,
    )
)
