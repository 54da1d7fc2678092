# Malignancy from biopsies alone, without BI-RADS (section 4.2).
_base_ = '../mamminet_v2_phantom.py'

model = dict(
    malignancy=dict(
        head=dict(
            loss=dict(_delete_=True, type='FixedWeightLoss', weights=(1., 0.)))))
