# Small version of nipple-detector_r50_fpn_ddsm.py that trains in less than a
# minute on two cores.
_base_ = [
    '../_base_/models/nipple_detector.py',
    '../_base_/tasks/nipple.py',
    '../_base_/schedules/phantom_10e.py',
    '../_base_/schedules/from_scratch.py',
    '../_base_/default_runtime.py',
]

model = dict(
    input_height=128,
    data_preprocessor=dict(num_channels=1),
    backbone=dict(
        depth=18,
        in_channels=1,
        base_channels=8,
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(
        in_channels=16,
        feat_channels=16,
        # the box is 13 pixels high
        anchor_generator=dict(scales=[2]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=64),
        keypoint_roi_extractor=dict(roi_layer=dict(output_size=7), out_channels=16),
        keypoint_head=dict(in_channels=16, num_convs=2, conv_out_channels=32),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=50), rcnn=dict(sampler=dict(num=16))
    ),
    test_cfg=dict(rpn=dict(nms_pre=100, max_per_img=20)),
)

# no val part: validation uses the test part, but nothing is selected by it
dataset = dict(
    type='Phantom',
    data_root='data/phantom/',
    pipeline=dict(resize=dict(max_height=128, max_width=128)),
)
loader = dict(batch_size=8, num_workers=1, dataset=dataset)
# the phantom annotates all nipples
train_dataloader = loader
val_dataloader = dict(loader, dataset=dict(dataset, ann_file='annotations/test.json'))
test_dataloader = loader
del dataset, loader

train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(_base_.from_scratch.warm_up, end=30),
    _base_.from_scratch.cosine,
]
optim_wrapper = dict(clip_grad=dict(max_norm=10))
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=1000))
