# Blending adversarial networks, INbreast, fold 1 of 5. To extract the lesions:
#     python tools/build_lesion_bank.py data/inbreast/annotations/fold_1/train.json \
#         --out data/inbreast/lesion_bank_fold_1.npz --data-root data/inbreast \
#         --classes mass --context 2
_base_ = [
    '../_base_/models/blending_gan.py',
    '../_base_/tasks/blending.py',
    '../_base_/datasets/inbreast_mass.py',
    '../_base_/schedules/blending_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    dataset=dict(
        _base_.data_set,
        type='BlendingDataset',
        ann_file='annotations/fold_{fold}/train.json',
        pipeline=dict(paste=dict(bank='data/inbreast/lesion_bank_fold_{fold}.npz')),
    )
)

default_hooks = dict(
    checkpoint=dict(interval=10),
    random_state=dict(type='RandomStateHook'),
    plain_keys=dict(type='PlainKeysHook'),
)
