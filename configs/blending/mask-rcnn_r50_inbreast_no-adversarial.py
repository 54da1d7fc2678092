# Mask R-CNN with 200 additional images from the blending model without its adversarial
# term.
_base_ = './mask-rcnn_r50_inbreast_blending.py'

train = """
    python tools/train.py configs/blending/blending-gan_no-adversarial_inbreast.py
    --work-dir work_dirs/blending-gan_no-adversarial_inbreast_fold_{fold} --resume
"""
images = """
    python tools/blend.py configs/blending/blending-gan_no-adversarial_inbreast.py
    work_dirs/blending-gan_no-adversarial_inbreast_fold_{fold}/epoch_200.pth --count 200
    --out data/inbreast_no-adversarial_fold_{fold}
"""
preparation = [_base_.bank, train, images]
del train, images

train_dataloader = dict(
    dataset=dict(
        datasets=dict(
            synthetic=dict(data_root='data/inbreast_no-adversarial_fold_{fold}/')
        )
    )
)
