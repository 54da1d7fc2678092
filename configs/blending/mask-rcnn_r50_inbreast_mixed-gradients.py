# Mask R-CNN with 200 additional images, blended by the exact solution of equation 4.
_base_ = './mask-rcnn_r50_inbreast_blending.py'

images = """
    python tools/blend.py configs/blending/blending-gan_inbreast.py
    --mixed-gradients --count 200 --out data/inbreast_mixed-gradients_fold_{fold}
"""
preparation = [_base_.bank, images]
del images

train_dataloader = dict(
    dataset=dict(
        datasets=dict(
            synthetic=dict(data_root='data/inbreast_mixed-gradients_fold_{fold}/')
        )
    )
)
