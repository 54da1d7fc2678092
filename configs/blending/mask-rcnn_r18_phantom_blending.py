# Small version of mask-rcnn_r50_inbreast_blending.py that trains on two cores from
# scratch, with 200 additional images from blending adversarial networks:
#     python tools/blend.py configs/blending/blending-gan_phantom.py \
#         work_dirs/blending-gan_phantom/epoch_25.pth --count 200 \
#         --out data/phantom_blending
# To use the images of another method from their own folder (ablation.py has them all):
#     --cfg-options train_dataloader.dataset.datasets.synthetic.data_root=DIR
_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn.py',
    '../_base_/tasks/mass_segmentation.py',
    '../_base_/schedules/mask-rcnn_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(num_channels=1),
    backbone=dict(
        depth=18,
        in_channels=1,
        base_channels=16,
        # when trained from scratch, batch norm needs statistics of these images
        norm_eval=False,
    ),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=32),
    rpn_head=dict(
        in_channels=32,
        feat_channels=32,
        # masses are 6 to 30 pixels here, 50 to 300 at paper scale
        anchor_generator=dict(scales=[2]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32),
        bbox_head=dict(in_channels=32, fc_out_channels=128),
        mask_roi_extractor=dict(out_channels=32),
        mask_head=dict(num_convs=2, in_channels=32, conv_out_channels=32),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=100), rcnn=dict(sampler=dict(num=32))
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100)),
)

data = dict(data_root='data/phantom_masses/')
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        datasets=dict(original=data, synthetic=dict(data_root='data/phantom_blending/'))
    ),
)
tested = dict(batch_size=4, num_workers=1, dataset=data)
val_dataloader = tested
test_dataloader = tested
del data, tested

# there are no pretrained weights that the first two steps could preserve
train_cfg = dict(
    stages=dict(
        # too short to validate
        top=dict(max_epochs=1, val_begin=2),
        stage4=dict(max_epochs=1, val_begin=2),
        all=dict(
            max_epochs=16,
            optim_wrapper=dict(optimizer=dict(lr=0.001)),
            param_scheduler=[
                dict(
                    type='LinearLR',
                    start_factor=0.001,
                    by_epoch=False,
                    begin=0,
                    end=100,
                ),
                dict(
                    type='CosineAnnealingLR',
                    by_epoch=True,
                    begin=0,
                    eta_min_ratio=0.01,
                    convert_to_iter_based=True,
                ),
            ],
        ),
    )
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.001, weight_decay=0.05),
    clip_grad=dict(max_norm=10),
)
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=10))
