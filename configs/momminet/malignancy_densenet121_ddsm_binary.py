# Biopsy labels only (MommiNet-v2, section 4.2, fig. 7: 'without multi-task learning').
_base_ = './malignancy_densenet121_ddsm.py'

model = dict(
    head=dict(loss=dict(_delete_=True, type='FixedWeightLoss', weights=(1.0, 0.0)))
)
