# DisAsymNet, VinDr-Mammo: tables 1 and 2. The tumours come from another data set:
#     python tools/build_lesion_bank.py data/inbreast/annotations/train.json \
#         --out data/inbreast/lesion_bank.npz --classes mass
_base_ = [
    '../_base_/models/dis_asym_net.py',
    '../_base_/tasks/pair.py',
    '../_base_/datasets/vindr_pair.py',
    '../_base_/schedules/disasym_20e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    dataset=dict(
        _base_.data_set,
        pipeline=dict(
            insert=dict(type='InsertLesions', bank='data/inbreast/lesion_bank.npz')
        ),
    )
)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
