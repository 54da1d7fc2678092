# Soft-Adapted Malignancy Synthesis, all stages, in training: table 2. Saliency is that
# of the warm-up, the model without synthesis:
#     python tools/saliency.py configs/divf/divf-concatenate_r34_vindr.py \
#         work_dirs/divf-concatenate_r34_vindr/epoch_200.pth \
#         --out data/vindr_mammo_synthetic
_base_ = './divf-concatenate_r34_vindr.py'

exams = _base_.train_dataloader.dataset
exams.pipeline = [dict(type='ForEachView', transforms=_base_.load[:1])]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MultiImageMixDataset',
        dataset=exams,
        pipeline=[
            dict(
                type='SynthesizeMalignancy',
                saliency='data/vindr_mammo_synthetic/saliency.npz',
                prob=0.4,  # 1,870 benign and 395 malignant breasts: half of each
                fourier_beta=0.01,
                soft_mask=dict()),
            dict(type='ForEachView', transforms=_base_.load[1:]),
            _base_.train_pipeline[-1]
        ]))
del exams
