# NaFV-Net (figure 2): four views, segmentation on recombined images, classification of
# low-energy ones. Details that the paper leaves to its appendix are our choice, see
# configs/nafv/README.md.
model = dict(
    type='NaFVNet',
    modality='CEM-LE',
    # position masks are multiplied with images in [0, 1]
    data_preprocessor=dict(type='MultiViewDataPreprocessor', num_channels=1),
    segmentor=dict(
        type='AsymmetrySensitiveSegmentor',
        modality='CEM-RC',
        num_tokens=28 * 28,  # 224 / 8
        channels=(64, 128, 256),
        embed_dims=256,
        num_layers=4,
        num_heads=8,
    ),
    embedding=dict(
        type='mmpretrain.VisionTransformer',
        arch='base',
        img_size=224,
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_type='featmap',
        # source: docs/how_to/pretrained_weights.md
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/'
            'vit-base-p14_dinov2-pre_3rdparty_20230426-ba246503.pth',
            prefix='backbone',
        ),
    ),
    embed_dims=768,
    # ImageNet statistics, in [0, 1]
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    mixer=dict(type='FourViewMixer', channels=(96, 192, 384), num_blocks=(2, 2, 2)),
    head=dict(
        type='mmpretrain.StackedLinearClsHead', num_classes=2, mid_channels=[384]
    ),
    # eqs. 10 and 11; the paper gives no value
    robust_loss=dict(type='RobustFocalLoss', beta=1.0, gamma=2.0),
    jitter=0.1,
)
