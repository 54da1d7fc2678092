# Soft-Adapted Malignancy Synthesis, all stages, in training: table 2. Saliency comes
# from the warm-up, the model without synthesis:
#     python tools/saliency.py configs/divf/divf-concatenate_r34_vindr.py \
#         work_dirs/divf-concatenate_r34_vindr/epoch_200.pth \
#         --out data/vindr_mammo_synthetic
_base_ = [
    '../_base_/models/divf_net.py',
    '../_base_/models/resnet34.py',
    '../_base_/tasks/breast.py',
    '../_base_/datasets/vindr_breast.py',
    '../_base_/schedules/divf_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=_base_.resnet34)

# lesions of all kinds are pasted, before images are resized
breasts = dict(_base_.train_dataloader.dataset, **_base_.data_set)
steps = breasts['pipeline']
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='NamedMixDataset',
        dataset=dict(
            breasts,
            pipeline=dict(
                order=['load'],
                load=dict(
                    type='ForEachView',
                    transforms=dict(steps.load.transforms, resize=None),
                ),
            ),
        ),
        pipeline=dict(
            order=['synthesis', 'resize', 'pack'],
            synthesis=dict(
                type='SynthesizeMalignancy',
                saliency='data/vindr_mammo_synthetic/saliency.npz',
                prob=0.4,  # 1,870 benign and 395 malignant breasts: half of each
                fourier_beta=0.01,
                soft_mask=dict(),
            ),
            resize=dict(
                type='ForEachView', transforms=dict(steps.load.transforms, image=None)
            ),
            pack=steps.pack,
        ),
    )
)
del breasts, steps
# no val part in the paper: validation uses the test part, but nothing is selected by it
val_dataloader = dict(dataset=dict(_base_.data_set, ann_file='annotations/test.json'))
test_dataloader = dict(dataset=_base_.data_set)
