# Table 1: 10 folds by patient, each 7:2:1:
#     python tools/dataset_converters/cdd_cesm.py RAW_DIR --out data/cdd_cesm \
#         --split kfold --folds 10 --val-folds 2
#     python tools/cross_validate.py configs/nafv/nafv-net_cdd-cesm_10-fold.py
_base_ = './nafv-net_cdd-cesm.py'
train_dataloader = dict(
    dataset=dict(fold=1, ann_file='annotations/fold_{fold}/train.json')
)
val_dataloader = dict(dataset=dict(fold=1, ann_file='annotations/fold_{fold}/val.json'))
test_dataloader = dict(
    dataset=dict(fold=1, ann_file='annotations/fold_{fold}/test.json')
)
