# The best hand-tuned loss weights (MommiNet-v2, section 4.2, fig. 8).
_base_ = './malignancy_densenet121_ddsm.py'

model = dict(
    head=dict(loss=dict(_delete_=True, type='FixedWeightLoss', weights=(0.7, 0.3)))
)
