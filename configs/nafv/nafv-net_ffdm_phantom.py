# Small version of nafv-net_inbreast.py on the phantom without contrast enhancement.
#     python tools/dataset_converters/phantom.py --exams 900 --size 128 64 \
#         --prevalence 1 --density A --lesion-diameter 16 25 --out data/phantom_ffdm
_base_ = './nafv-net_phantom.py'
model = dict(modality=None, segmentor=dict(modality=None))

ordinary = dict(
    data_root='data/phantom_ffdm/',
    modality=None,
    pipeline=dict(
        register=dict(modality=None), pack=dict(views=('RCC', 'LCC', 'RMLO', 'LMLO'))
    ),
)
train_dataloader = dict(dataset=ordinary)
val_dataloader = dict(dataset=ordinary)
test_dataloader = dict(dataset=ordinary)
del ordinary
