# Table 2: small version with a U-Net in place of the segmentor.
_base_ = './nafv-net_phantom.py'
model = dict(
    segmentor=dict(
        _delete_=True,
        type='UNetSegmentor',
        modality='CEM-RC',
        base_channels=8,
        num_levels=4,
    )
)
