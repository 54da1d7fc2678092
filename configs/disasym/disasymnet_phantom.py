# DisAsymNet, the phantom: tables 1 and 2. The tumours are of another data set:
#     python tools/build_lesion_bank.py data/phantom_bank/annotations/train.json \
#         --out data/lesion_bank_phantom.npz
_base_ = './asyc-asyd_phantom.py'

pipeline = _base_.train_pipeline
pipeline.insert(
    1,
    dict(
        type='InsertLesions',
        bank='data/lesion_bank_phantom.npz',
        allow_same_source=True))
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
