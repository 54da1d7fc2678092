# DisAsymNet, INbreast: tables 1 and 2. The tumours come from another data set:
#     python tools/build_lesion_bank.py data/ddsm/annotations/train.json \
#         --out data/ddsm/lesion_bank.npz --classes mass
_base_ = [
    '../_base_/models/dis_asym_net.py',
    '../_base_/tasks/pair.py',
    '../_base_/datasets/inbreast_pair.py',
    '../_base_/schedules/disasym_50e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    dataset=dict(
        _base_.data_set,
        pipeline=dict(
            insert=dict(type='InsertLesions', bank='data/ddsm/lesion_bank.npz')
        ),
    )
)
# table 2 compares regions with outlines, not boxes
tested = dict(
    _base_.data_set,
    pipeline=dict(load=dict(transforms=dict(annotations=dict(with_mask=True)))),
)
val_dataloader = dict(dataset=tested)
test_dataloader = dict(dataset=tested)
del tested
