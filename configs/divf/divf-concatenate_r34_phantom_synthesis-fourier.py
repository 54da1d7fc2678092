# Table 2: region selection, CutMix and Fourier adaptation.
_base_ = './divf-concatenate_r34_phantom_synthesis.py'

pipeline = _base_.train_dataloader.dataset.pipeline
pipeline[0].update(soft_mask=None)
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
