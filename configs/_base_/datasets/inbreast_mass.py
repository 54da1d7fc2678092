# Blending adversarial networks, section 3: masses of INbreast, 5-fold by patient.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --split kfold --folds 5
# Another fold: --cfg-options of the three ann_file, or a config of three lines.
_base_ = './ddsm_detection.py'

data_root = 'data/inbreast/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root, ann_file='annotations/fold_1/train.json'))
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='annotations/fold_1/test.json'))
test_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='annotations/fold_1/test.json'))

# the paper's hit is an IoU above 0.5
val_evaluator = dict(iou_thr=0.5)
test_evaluator = val_evaluator
