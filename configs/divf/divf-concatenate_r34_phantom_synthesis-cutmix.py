# Table 2: region selection and CutMix.
_base_ = './divf-concatenate_r34_phantom_synthesis.py'

pipeline = _base_.train_dataloader.dataset.pipeline
pipeline[0].update(fourier_beta=None, soft_mask=None)
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
