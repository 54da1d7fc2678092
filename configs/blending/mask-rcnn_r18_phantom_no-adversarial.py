# With 200 synthetic images besides, made by the blending model without its
# adversarial term:
#     python tools/synthesize.py \
#         configs/blending/blending-gan_no-adversarial_phantom.py \
#         work_dirs/blending-gan_no-adversarial_phantom/epoch_25.pth --count 200 \
#         --out data/phantom_no-adversarial
_base_ = './mask-rcnn_r18_phantom_blending.py'

datasets = _base_.train_dataloader.dataset.datasets
datasets[1].update(data_root='data/phantom_no-adversarial/')
train_dataloader = dict(dataset=dict(datasets=datasets))
del datasets
