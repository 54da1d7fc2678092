# Mask R-CNN on masses of INbreast, fold 1 of 5, with 200 additional images from
# blending adversarial networks ("+ blending adversarial", figure 4):
#     python tools/cross_validate.py configs/blending/mask-rcnn_r50_inbreast_blending.py
_base_ = [
    '../_base_/models/mask-rcnn_r50_fpn.py',
    '../_base_/tasks/mass_segmentation.py',
    '../_base_/datasets/inbreast_mass.py',
    '../_base_/schedules/mask-rcnn_100e.py',
    '../_base_/default_runtime.py',
]

# preparation: tools/cross_validate.py runs this for each fold, with its number
bank = """
    python tools/build_lesion_bank.py data/inbreast/annotations/fold_{fold}/train.json
    --out data/inbreast/lesion_bank_fold_{fold}.npz --data-root data/inbreast
    --classes mass --context 2
"""
train = """
    python tools/train.py configs/blending/blending-gan_inbreast.py
    --work-dir work_dirs/blending-gan_inbreast_fold_{fold} --resume
"""
images = """
    python tools/blend.py configs/blending/blending-gan_inbreast.py
    work_dirs/blending-gan_inbreast_fold_{fold}/epoch_200.pth --count 200
    --out data/inbreast_blending_fold_{fold}
"""
preparation = [bank, train, images]
del train, images

train_dataloader = dict(
    dataset=dict(
        datasets=dict(
            original=dict(
                _base_.data_set, ann_file='annotations/fold_{fold}/train.json'
            ),
            synthetic=dict(
                _base_.data_set, data_root='data/inbreast_blending_fold_{fold}/'
            ),
        )
    )
)
tested = dict(
    dataset=dict(_base_.data_set, ann_file='annotations/fold_{fold}/test.json')
)
val_dataloader = tested
test_dataloader = tested
del tested

# COCO weights of mmdet; source: docs/how_to/pretrained_weights.md
load_from = 'checkpoints/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth'
