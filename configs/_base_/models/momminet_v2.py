# MommiNet-v2 (figure 1), all parts at paper scale. configs/momminet/ trains each part
# by itself, from here.
_base_ = './faster-rcnn_hrnetv2p-w48.py'

# IpsiDualNet-v2 (section 3.5): the baseline's Faster R-CNN, Siamese, with two
# relation blocks
ipsilateral = _base_.model
data_preprocessor = ipsilateral.pop('data_preprocessor')
data_preprocessor.type = 'MultiViewDataPreprocessor'
ipsilateral.type = 'IpsiDualNet'
ipsilateral.roi_head.update(type='RelationRoIHead', geometry='nipple')
ipsilateral.roi_head.bbox_head.update(
    type='RelationBBoxHead', num_relation_blocks=(1, 1))

# one way from maps to boxes, for the bilateral branch and the fusion network
map_to_boxes = dict(max_per_img=20)

# BiDualNet-v2 (section 3.4): HRNet-48 with a Siamese input module
bilateral = dict(
    type='BiDualNet',
    backbone=dict(
        type='SiameseHRNet',
        concat_stage=3,
        extra=ipsilateral.backbone.extra,
        init_cfg=ipsilateral.backbone.init_cfg),
    decode_head=dict(type='HRNetV2Head', in_channels=[48, 96, 192, 384]),
    test_cfg=map_to_boxes)

# section 3.6; the frozen HRNet's features are those of the ipsilateral branch
fusion = dict(
    type='IntegratedFusionNet',
    feature_channels=[48, 96, 192, 384],
    channels=[32, 64, 128, 256],
    # batches are of one image
    norm_cfg=dict(type='GN', num_groups=8))

# section 3.7
malignancy = dict(
    type='MalignancyClassifier',
    backbone=dict(
        type='mmpretrain.DenseNet',
        arch='121',
        # ImageNet weights; docs/how_to/pretrained_weights.md says where from
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/densenet121_4xb256_in1k_20220426-07450f99.pth',
            prefix='backbone')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='MalignancyHead',
        in_channels=1024,
        loss=dict(type='UncertaintyWeightedLoss')))

model = dict(
    _delete_=True,
    type='MommiNet',
    data_preprocessor=data_preprocessor,
    ipsilateral=ipsilateral,
    bilateral=bilateral,
    fusion=fusion,
    malignancy=malignancy,
    test_cfg=dict(map_to_boxes=map_to_boxes, patch_size=448))
del data_preprocessor, ipsilateral, map_to_boxes, bilateral, fusion, malignancy
