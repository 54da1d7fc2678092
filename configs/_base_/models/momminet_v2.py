# The parts of MommiNet-v2 (figure 1) at paper scale. ../../mamminet_v2.py assembles
# them; configs of a single part inherit it from here.

data_preprocessor = dict(
    type='MultiViewDataPreprocessor',
    mean=0.3,
    std=0.2,
    num_channels=3,
    pad_size_divisor=32,
)

# The single-view detector (section 3.5; table 6): Faster R-CNN with HRNet-W48, FPN,
# focal loss and DIoU loss
detector = dict(
    type='FasterRCNN',
    backbone=dict(
        type='HRNet',
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4,),
                num_channels=(64,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(4, 4),
                num_channels=(48, 96),
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=(48, 96, 192),
            ),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(48, 96, 192, 384),
            ),
        ),
        # ImageNet weights; source: docs/how_to/pretrained_weights.md
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/hrnetv2_w48-d2186c55.pth'
        ),
    ),
    neck=dict(type='HRFPN', in_channels=[48, 96, 192, 384], out_channels=256),
    rpn_head=dict(
        type='SyncedRPNHead',
        in_channels=256,
        feat_channels=256,
        anchor_generator=dict(
            type='AnchorGenerator',
            scales=[8],
            ratios=[0.5, 1.0, 2.0],
            strides=[4, 8, 16, 32, 64],
        ),
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder',
            target_means=[0.0, 0.0, 0.0, 0.0],
            target_stds=[1.0, 1.0, 1.0, 1.0],
        ),
        reg_decoded_bbox=True,
        loss_cls=dict(
            type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
        ),
        loss_bbox=dict(type='DIoULoss', loss_weight=1.0),
        # focal loss requires a low initial foreground probability (Lin et al., 2017)
        init_cfg=dict(
            type='Normal',
            layer='Conv2d',
            std=0.01,
            override=dict(type='Normal', name='rpn_cls', std=0.01, bias_prob=0.01),
        ),
    ),
    roi_head=dict(
        type='BatchedRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
        ),
        bbox_head=dict(
            type='SyncedBBoxHead',
            in_channels=256,
            fc_out_channels=1024,
            roi_feat_size=7,
            num_classes=1,
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder',
                target_means=[0.0, 0.0, 0.0, 0.0],
                target_stds=[0.1, 0.1, 0.2, 0.2],
            ),
            reg_class_agnostic=False,
            reg_decoded_bbox=True,
            loss_cls=dict(type='RoIFocalLoss', gamma=2.0, alpha=0.25, loss_weight=1.0),
            # mmdet's weight for IoU losses in a RoI head, which are averaged
            # over all sampled RoIs
            loss_bbox=dict(type='DIoULoss', loss_weight=10.0),
            # mmdet's own, except for the low foreground prior
            init_cfg=[
                dict(
                    type='Normal',
                    std=0.01,
                    bias_prob=0.01,
                    override=dict(name='fc_cls'),
                ),
                dict(type='Normal', std=0.001, override=dict(name='fc_reg')),
                dict(
                    type='Xavier',
                    distribution='uniform',
                    override=dict(name='shared_fcs'),
                ),
            ],
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type='IgnoringMaxIoUAssigner',
                pos_iou_thr=0.7,
                neg_iou_thr=0.3,
                min_pos_iou=0.3,
                match_low_quality=True,
                ignore_iof_thr=0.5,
            ),
            # no sampler: focal loss uses every anchor
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(
            nms_pre=2000,
            max_per_img=1000,
            nms=dict(type='nms', iou_threshold=0.7),
            min_bbox_size=0,
        ),
        rcnn=dict(
            assigner=dict(
                type='IgnoringMaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
                ignore_iof_thr=0.5,
            ),
            sampler=dict(
                type='RandomSampler',
                num=512,
                pos_fraction=0.25,
                neg_pos_ub=-1,
                add_gt_as_proposals=True,
            ),
            pos_weight=-1,
            debug=False,
        ),
    ),
    test_cfg=dict(
        rpn=dict(
            nms_pre=1000,
            max_per_img=1000,
            nms=dict(type='nms', iou_threshold=0.7),
            min_bbox_size=0,
        ),
        # FROC needs every candidate, so there is no score threshold; two boxes that
        # would both hit a mass count as one finding
        rcnn=dict(
            score_thr=0.0, nms=dict(type='nms', iou_threshold=0.2), max_per_img=100
        ),
    ),
)

# IpsiDualNet-v2 (section 3.5): the single-view detector as a Siamese network with two
# relation blocks
ipsilateral = dict(
    detector,
    type='IpsiDualNet',
    roi_head=dict(
        detector['roi_head'],
        type='RelationRoIHead',
        geometry='nipple',
        bbox_head=dict(
            detector['roi_head']['bbox_head'],
            type='RelationBBoxHead',
            num_relation_blocks=(1, 1),
        ),
    ),
)

# BiDualNet-v2 (section 3.4): HRNet-48 with a Siamese input module
bilateral = dict(
    type='BiDualNet',
    backbone=dict(detector['backbone'], type='SiameseHRNet', concat_stage=3),
    decode_head=dict(type='HRNetV2Head', in_channels=[48, 96, 192, 384]),
    # converts maps to boxes
    test_cfg=dict(max_per_img=20),
)

# section 3.6; the frozen HRNet's features are those of the ipsilateral branch
fusion = dict(
    type='IntegratedFusionNet',
    feature_channels=[48, 96, 192, 384],
    channels=[32, 64, 128, 256],
    # batches have one image
    norm_cfg=dict(type='GN', num_groups=8),
)

# section 3.7
malignancy = dict(
    type='MalignancyClassifier',
    backbone=dict(
        type='mmpretrain.DenseNet',
        arch='121',
        # ImageNet weights; source: docs/how_to/pretrained_weights.md
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/densenet121_4xb256_in1k_20220426-07450f99.pth',
            prefix='backbone',
        ),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='MalignancyHead',
        in_channels=1024,
        loss=dict(type='UncertaintyWeightedLoss'),
    ),
)
