# MommiNet-v2 on DDSM at paper scale: HRNet-48, images of at most 3000 x 1500, all four
# stages in one command:
#     tools/dist_train.sh configs/mamminet_v2.py 8
# configs/momminet/README.md states what is from the paper and what is guessed.
_base_ = [
    '_base_/models/momminet_v2.py',
    '_base_/tasks/tri_view.py',
    '_base_/default_runtime.py',
]

model = dict(
    type='MommiNet',
    data_preprocessor=_base_.data_preprocessor,
    ipsilateral=_base_.ipsilateral,
    bilateral=_base_.bilateral,
    fusion=_base_.fusion,
    malignancy=_base_.malignancy,
    test_cfg=dict(
        # for the fusion network, as for the bilateral branch
        map_to_boxes=_base_.bilateral.test_cfg,
        patch_size=448,
    ),
)

# section 4: DDSM, 2,578 cases, 8:1:1 by patient
#     python tools/dataset_converters/ddsm.py RAW_DIR --out data/ddsm
data_set = dict(type='DDSM', data_root='data/ddsm/')
train_dataloader = dict(dataset=data_set)
val_dataloader = dict(dataset=data_set)
test_dataloader = dict(dataset=data_set)
del data_set

# mmdet's 1x: the paper does not state the detectors' optimizer or schedule; lr for 8
# GPUs with one view each, --auto-scale-lr adapts it to other numbers
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001),
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', begin=0, by_epoch=True, milestones=[8, 11], gamma=0.1),
]

# validation follows each stage; before the last one it evaluates only detections
malignancy = dict(metrics=dict(malignancy=dict(type='MalignancyMetric')))
test_evaluator = malignancy

# Stages inherit data, optimizer, schedule and metrics from above unless they set them.
load = _base_.train_dataloader.dataset.pipeline.load.transforms
train_cfg = dict(
    type='StagedTrainLoop',
    order=['ipsilateral', 'bilateral', 'fusion', 'malignancy'],
    stages=dict(
        ipsilateral=dict(
            max_epochs=12,
            trainable=['ipsilateral'],
            train_dataloader=dict(dataset=dict(partners=('ipsilateral',))),
        ),
        bilateral=dict(
            max_epochs=12,
            trainable=['bilateral'],
            train_dataloader=dict(dataset=dict(partners=('bilateral',))),
        ),
        fusion=dict(max_epochs=12, trainable=['fusion']),
        malignancy=dict(
            max_epochs=30,
            trainable=['malignancy'],
            # gold patches, and patches that the system detects in the training part
            detections=dict(
                dataloader=dict(
                    dataset=dict(
                        pipeline=dict(
                            load=dict(transforms=dict(annotations=None, lesions=None)),
                            geometry=None,
                            augment=None,
                        ),
                        test_mode=True,
                    )
                ),
                out_file='detections/train.json',
            ),
            train_dataloader=dict(
                batch_size=16,
                drop_last=True,
                dataset=dict(
                    type='PatchDataset',
                    partners=(),
                    # section 3.8, cut from images at the detector's size
                    pipeline=dict(
                        _delete_=True,
                        order=['image', 'resize', 'crop', 'flip', 'intensity', 'pack'],
                        image=load.image,
                        resize=load.resize,
                        crop=dict(type='RandomCropPatch', size=448),
                        flip=dict(
                            type='RandomFlip',
                            prob=[0.25, 0.25, 0.25],
                            direction=['horizontal', 'vertical', 'diagonal'],
                        ),
                        intensity=dict(type='RandomIntensity'),
                        pack=dict(
                            type='PackInputs',
                            algorithm_keys=('gt_birads_score',),
                            meta_keys=(
                                'img_id',
                                'img_path',
                                'exam_id',
                                'patient_id',
                                'patch_box',
                                'detected',
                                'score',
                                'iou',
                            ),
                        ),
                    ),
                ),
            ),
            optim_wrapper=dict(
                optimizer=dict(_delete_=True, type='SGD', lr=0.001, momentum=0.9)
            ),
            auto_scale_lr=dict(base_batch_size=16),
            param_scheduler=[
                dict(type='MultiStepLR', by_epoch=True, milestones=[20, 25], gamma=0.1)
            ],
            val_evaluator=malignancy,
        ),
    ),
)
del load, malignancy
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
