# With 200 synthetic images besides, made by the adversarial model without prior
# information:
#     python tools/synthesize.py \
#         configs/blending/blending-gan_no-prior_phantom.py \
#         work_dirs/blending-gan_no-prior_phantom/epoch_25.pth --count 200 \
#         --out data/phantom_no-prior
_base_ = './mask-rcnn_r18_phantom_blending.py'

datasets = _base_.train_dataloader.dataset.datasets
datasets[1].update(data_root='data/phantom_no-prior/')
train_dataloader = dict(dataset=dict(datasets=datasets))
del datasets
