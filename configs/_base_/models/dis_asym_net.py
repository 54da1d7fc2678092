# DisAsymNet (sections 2.1 and 2.2) with ResNet-18.
model = dict(
    type='DisAsymNet',
    asyc=dict(
        type='AsymmetryClassifier',
        encoder=dict(
            type='mmpretrain.ResNet',
            depth=18,
            out_indices=(0, 1, 2, 3),
            # ImageNet weights; source: docs/how_to/pretrained_weights.md
            init_cfg=dict(
                type='Pretrained',
                checkpoint='checkpoints/resnet18_8xb32_in1k_20210831-fbbb1da6.pth',
                prefix='backbone',
            ),
        ),
        in_channels=512,
        neck=dict(
            type='AsymmetricTransformer', in_channels=512, num_layers=12, num_heads=8
        ),
    ),
    asyd=dict(
        type='DisentanglingDecoder', in_channels=(64, 128, 256, 512), channels=32
    ),
    weights=dict(diag=1.0, rec=0.1, dics=1.0, syn=0.5),
)
# two objectives per step; the second does not use the decoder
model_wrapper_cfg = dict(
    type='TwoObjectivesDistributedDataParallel',
    broadcast_buffers=False,
    find_unused_parameters=True,
)
