# NaFV-Net with the small DINOv2.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(
    embedding=dict(
        arch='dinov2-small',
        init_cfg=dict(
            checkpoint='checkpoints/'
            'vit-small-p14_dinov2-pre_3rdparty_20230426-5641ca5a.pth'
        ),
    ),
    embed_dims=384,
)
