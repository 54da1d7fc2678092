# Table 2: region selection and CutMix.
_base_ = './divf-concatenate_r34_vindr_synthesis.py'
train_dataloader = dict(
    dataset=dict(pipeline=dict(synthesis=dict(fourier_beta=None, soft_mask=None)))
)
