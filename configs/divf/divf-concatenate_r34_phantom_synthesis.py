# Soft-Adapted Malignancy Synthesis, all stages, on the phantom: table 2.
_base_ = './divf-concatenate_r34_phantom.py'

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
                saliency='data/phantom_synthetic/saliency.npz',
                prob=0.4,
                fourier_beta=0.01,
                soft_mask=dict()),
            dict(type='ForEachView', transforms=_base_.load[1:]),
            _base_.train_pipeline[-1]
        ]))
del exams
