# With 200 synthetic images besides, made by blending adversarial networks:
#     python tools/synthesize.py configs/blending/blending-gan_phantom.py \
#         work_dirs/blending-gan_phantom/epoch_25.pth --count 200 \
#         --out data/phantom_blending
_base_ = './mask-rcnn_r18_phantom.py'

original = _base_.train_dataloader.dataset
synthetic = dict(original)
synthetic.update(data_root='data/phantom_blending/')
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[original, synthetic]))
del original, synthetic
