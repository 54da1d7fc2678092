# DisAsymNet, DDSM: tables 1 and 2. The tumours are of another data set:
#     python tools/build_lesion_bank.py data/inbreast/annotations/train.json \
#         --out data/inbreast/lesion_bank.npz --classes mass
_base_ = './asyc-asyd_ddsm.py'

pipeline = _base_.train_pipeline
pipeline.insert(
    1,
    dict(
        type='InsertLesions',
        bank='data/inbreast/lesion_bank.npz'))
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
