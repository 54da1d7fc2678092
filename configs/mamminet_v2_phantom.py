# MommiNet-v2 made small: all four stages on phantom exams in minutes on two cores.
#     python tools/dataset_converters/phantom.py --exams 100 --size 256 128 \
#         --out data/phantom
#     python tools/train.py configs/mamminet_v2_phantom.py
# There is no val part: validation shows the test part, nothing is selected by it.
_base_ = './mamminet_v2.py'

hrnet_w8 = dict(
    in_channels=1,
    stem_channels=16,
    # trained from scratch, batch norm needs statistics of these images
    norm_eval=False,
    extra=dict(
        stage1=dict(num_blocks=(1, ), num_channels=(16, )),
        stage2=dict(num_blocks=(1, 1), num_channels=(8, 16)),
        stage3=dict(
            num_modules=1, num_blocks=(1, 1, 1), num_channels=(8, 16, 32)),
        stage4=dict(
            num_modules=1,
            num_blocks=(1, 1, 1, 1),
            num_channels=(8, 16, 32, 64))),
    init_cfg=None)

model = dict(
    data_preprocessor=dict(num_channels=1),
    ipsilateral=dict(
        backbone=dict(type='NarrowStemHRNet', **hrnet_w8),
        neck=dict(in_channels=[8, 16, 32, 64], out_channels=32),
        rpn_head=dict(
            in_channels=32,
            feat_channels=32,
            # masses are 6 to 30 pixels here, 50 to 300 at paper scale
            anchor_generator=dict(scales=[2])),
        roi_head=dict(
            num_auxiliary=50,
            bbox_roi_extractor=dict(out_channels=32),
            bbox_head=dict(
                in_channels=32,
                fc_out_channels=128,
                num_heads=4,
                key_channels=32)),
        train_cfg=dict(
            rpn_proposal=dict(nms_pre=200, max_per_img=100),
            rcnn=dict(sampler=dict(num=32))),
        test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100))),
    bilateral=dict(
        backbone=hrnet_w8,
        decode_head=dict(in_channels=[8, 16, 32, 64], channels=32)),
    fusion=dict(
        feature_channels=[8, 16, 32, 64],
        channels=[8, 16, 32, 64],
        norm_cfg=dict(num_groups=4)),
    malignancy=dict(
        backbone=dict(
            arch=dict(
                _delete_=True,
                growth_rate=8,
                depths=[2, 2, 2],
                init_channels=16),
            in_channels=1,
            init_cfg=None),
        head=dict(in_channels=32)),
    test_cfg=dict(patch_size=64))
del hrnet_w8

data_root = 'data/phantom/'
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, other_classes=()))
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/test.json'))
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, other_classes=()))

patch_pipeline = [
    _base_.load_mammogram,
    _base_.resize,
    dict(type='RandomCropPatch', size=64),
    *_base_.train_cfg.stages.malignancy.train_dataloader.dataset.pipeline[3:]
]

adamw = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.001, weight_decay=0.05),
    clip_grad=dict(max_norm=10))
warm_up = dict(
    type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100)
cosine = dict(
    type='CosineAnnealingLR',
    by_epoch=True,
    begin=0,
    eta_min_ratio=0.01,
    convert_to_iter_based=True)

max_epochs = 6
optim_wrapper = adamw
param_scheduler = [warm_up, dict(end=max_epochs, **cosine)]
train_cfg = dict(
    stages=dict(
        ipsilateral=dict(max_epochs=max_epochs),
        bilateral=dict(max_epochs=max_epochs),
        fusion=dict(
            max_epochs=4, param_scheduler=[warm_up, dict(end=4, **cosine)]),
        malignancy=dict(
            max_epochs=10,
            train_dataloader=dict(dataset=dict(pipeline=patch_pipeline)),
            optim_wrapper=adamw,
            param_scheduler=[dict(end=10, **cosine)])))
del patch_pipeline, adamw, warm_up, cosine

auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=25))
