# Mask R-CNN with 200 additional images, blended by OpenCV's Poisson image editing.
_base_ = './mask-rcnn_r50_inbreast_blending.py'

images = """
    python tools/blend.py configs/blending/blending-gan_inbreast.py --poisson
    --count 200 --out data/inbreast_poisson_fold_{fold}
"""
preparation = [_base_.bank, images]
del images

train_dataloader = dict(
    dataset=dict(
        datasets=dict(synthetic=dict(data_root='data/inbreast_poisson_fold_{fold}/'))
    )
)
