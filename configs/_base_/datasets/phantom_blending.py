# The same on the phantom of
#     python tools/dataset_converters/phantom.py --out data/phantom
#     python tools/build_lesion_bank.py data/phantom/annotations/train.json \
#         --out data/phantom/lesion_bank.npz --context 2
# whose boxes hug the lesions, hence the context.
_base_ = './inbreast_blending.py'
data_root = 'data/phantom/'

size = (256, 128)
train_pipeline = [
    dict(
        type='ForEachView',
        transforms=[
            dict(type='LoadMammogram', cache_dir='data/pixel_cache'),
            dict(type='Resize', scale=size[::-1], keep_ratio=False)
        ]),
    dict(
        type='PasteLesion', bank='data/phantom/lesion_bank.npz', margin=0.5),
    # whole images, as at paper scale, take four times as long
    dict(type='CropToLesion', size=(96, 96)),
    dict(type='PackBlendingInputs')
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        other_classes=(),
        ann_file='annotations/train.json',
        pipeline=train_pipeline))
