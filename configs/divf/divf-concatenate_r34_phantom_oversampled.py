# Malignant breasts repeated, as many as benign ones in an epoch of the same length: the
# control for synthesis.
_base_ = './divf-concatenate_r34_phantom.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
