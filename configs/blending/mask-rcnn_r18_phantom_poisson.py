# With 200 synthetic images besides, made by Poisson image editing, OpenCV's:
#     python tools/synthesize.py configs/blending/blending-gan_phantom.py \
#         --poisson --count 200 --out data/phantom_poisson
_base_ = './mask-rcnn_r18_phantom_blending.py'

datasets = _base_.train_dataloader.dataset.datasets
datasets[1].update(data_root='data/phantom_poisson/')
train_dataloader = dict(dataset=dict(datasets=datasets))
del datasets
