# With 200 synthetic images besides, blended by the exact solution of equation 4:
#     python tools/synthesize.py configs/blending/blending-gan_phantom.py \
#         --mixed-gradients --count 200 --out data/phantom_mixed-gradients
_base_ = './mask-rcnn_r18_phantom_blending.py'

datasets = _base_.train_dataloader.dataset.datasets
datasets[1].update(data_root='data/phantom_mixed-gradients/')
train_dataloader = dict(dataset=dict(datasets=datasets))
del datasets
