# Differences that make the parts of momminet_v2.py small enough to train from scratch
# on two cores.
backbone = dict(
    in_channels=1,
    stem_channels=16,
    # when trained from scratch, batch norm needs statistics of these images
    norm_eval=False,
    extra=dict(
        stage1=dict(num_blocks=(1,), num_channels=(16,)),
        stage2=dict(num_blocks=(1, 1), num_channels=(8, 16)),
        stage3=dict(num_modules=1, num_blocks=(1, 1, 1), num_channels=(8, 16, 32)),
        stage4=dict(
            num_modules=1, num_blocks=(1, 1, 1, 1), num_channels=(8, 16, 32, 64)
        ),
    ),
    init_cfg=None,
)
detector = dict(
    backbone=dict(backbone, type='NarrowStemHRNet'),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=32),
    rpn_head=dict(
        in_channels=32,
        feat_channels=32,
        # masses are 6 to 30 pixels here, 50 to 300 at paper scale
        anchor_generator=dict(scales=[2]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32),
        bbox_head=dict(in_channels=32, fc_out_channels=128),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=100), rcnn=dict(sampler=dict(num=32))
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100)),
)

small = dict(
    data_preprocessor=dict(num_channels=1),
    detector=detector,
    ipsilateral=dict(
        detector,
        roi_head=dict(
            detector['roi_head'],
            num_auxiliary=50,
            bbox_head=dict(
                detector['roi_head']['bbox_head'], num_heads=4, key_channels=32
            ),
        ),
    ),
    bilateral=dict(
        backbone=backbone, decode_head=dict(in_channels=[8, 16, 32, 64], channels=32)
    ),
    fusion=dict(
        feature_channels=[8, 16, 32, 64],
        channels=[8, 16, 32, 64],
        norm_cfg=dict(num_groups=4),
    ),
    malignancy=dict(
        backbone=dict(
            arch=dict(_delete_=True, growth_rate=8, depths=[2, 2, 2], init_channels=16),
            in_channels=1,
            init_cfg=None,
        ),
        head=dict(in_channels=32),
    ),
)
del backbone, detector
