# With 200 synthetic images besides, made by blending adversarial networks:
#     python tools/synthesize.py configs/blending/blending-gan_inbreast.py \
#         work_dirs/blending-gan_inbreast/epoch_200.pth --count 200 \
#         --out data/inbreast_blending_fold_1
_base_ = './mask-rcnn_r50_inbreast.py'

original = _base_.train_dataloader.dataset
synthetic = dict(original)
synthetic.update(
    data_root='data/inbreast_blending_fold_1/',
    ann_file='annotations/train.json')
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[original, synthetic]))
del original, synthetic
