# MommiNet-v2 on DDSM at paper scale: HRNet-48, images of at most 3000 x 1500, all four
# stages by one command:
#     tools/dist_train.sh configs/mamminet_v2.py 8
# configs/momminet/README.md says what is the paper's and what is guessed.
_base_ = [
    '_base_/models/momminet_v2.py', '_base_/datasets/ddsm_tri_view.py',
    '_base_/schedules/schedule_1x.py', '_base_/default_runtime.py'
]

# patches of section 3.8, cut from images of the detector's size
patch_pipeline = [
    _base_.load_mammogram,
    _base_.resize,
    dict(type='RandomCropPatch', size=448),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='RandomIntensity'),
    dict(
        type='PackInputs',
        algorithm_keys=('gt_birads_score', ),
        meta_keys=('img_id', 'img_path', 'exam_id', 'patient_id', 'patch_box',
                   'detected', 'score', 'iou'))
]

# What a stage does not say is as above and below: data, optimiser, schedule.
train_cfg = dict(
    _delete_=True,
    type='StagedTrainLoop',
    order=['ipsilateral', 'bilateral', 'fusion', 'malignancy'],
    stages=dict(
        ipsilateral=dict(
            max_epochs=12,
            trainable=['ipsilateral'],
            train_dataloader=dict(dataset=dict(partners=('ipsilateral', )))),
        bilateral=dict(
            max_epochs=12,
            trainable=['bilateral'],
            train_dataloader=dict(dataset=dict(partners=('bilateral', )))),
        fusion=dict(max_epochs=12, trainable=['fusion']),
        malignancy=dict(
            max_epochs=30,
            trainable=['malignancy'],
            # gold patches, and those that the system detects in the training part
            detections=dict(
                dataloader=dict(
                    dataset=dict(pipeline=_base_.test_pipeline,
                                 test_mode=True)),
                out_file='detections/train.json'),
            train_dataloader=dict(
                batch_size=16,
                drop_last=True,
                dataset=dict(
                    type='PatchDataset', partners=(), pipeline=patch_pipeline)),
            optim_wrapper=dict(
                optimizer=dict(
                    _delete_=True, type='SGD', lr=0.001, momentum=0.9)),
            auto_scale_lr=dict(base_batch_size=16),
            param_scheduler=[
                dict(
                    type='MultiStepLR',
                    by_epoch=True,
                    milestones=[20, 25],
                    gamma=0.1)
            ],
            val_evaluator=[
                _base_.val_evaluator,
                dict(type='MalignancyMetric')
            ])))
del patch_pipeline

# validation follows each stage; before the last one it judges detections alone
test_evaluator = [_base_.val_evaluator, dict(type='MalignancyMetric')]
