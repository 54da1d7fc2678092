# DisAsymNet, the phantom: tables 1 and 2. The tumours are of another data set, a phantom
# of another seed:
#     python tools/dataset_converters/phantom.py --out data/phantom_bank --seed 1000 \
#         --exams 60 --size 256 128 --split 1 0 0 --prevalence 1 --density A
#     python tools/build_lesion_bank.py data/phantom_bank/annotations/train.json \
#         --out data/phantom_bank/lesion_bank.npz
_base_ = './asyc-asyd_phantom.py'

pipeline = _base_.train_pipeline
pipeline.insert(
    1,
    dict(type='InsertLesions', bank='data/phantom_bank/lesion_bank.npz'))
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
