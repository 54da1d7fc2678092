# The malignancy classifier of MommiNet-v2 (section 3.7): DenseNet-121 with a
# classification and a regression branch.
model = dict(
    type='MalignancyClassifier',
    # as the detectors': in the whole system patches are cut from their input
    data_preprocessor=dict(
        type='MammogramDataPreprocessor', mean=0.3, std=0.2, num_channels=3),
    backbone=dict(
        type='DenseNet',
        arch='121',
        in_channels=3,
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
