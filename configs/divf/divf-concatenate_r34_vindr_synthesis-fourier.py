# Table 2: region selection, CutMix and Fourier adaptation.
_base_ = './divf-concatenate_r34_vindr_synthesis.py'
train_dataloader = dict(dataset=dict(pipeline=dict(synthesis=dict(soft_mask=None))))
