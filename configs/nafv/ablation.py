# Rows of tables 2 and 3 of NaFV-Net on the contrast-enhanced phantom:
#     python tools/analysis_tools/ablate.py configs/nafv/ablation.py --jobs 2
document = 'docs/results/nafv.md'
work_dir = 'work_dirs/ablation/nafv'
# large lesions in fatty breasts: at this size, margins of small ones are not visible;
# each patient has a lesion, as in the paper
phantom = dict(
    exams=900,
    size=(128, 64),
    split=(0.667, 0, 0.333),
    prevalence=1,
    density=('A',),
    lesion_diameter=(16, 25),
    cem=True,
)
seeds = (1, 2, 3)

# validation during training is not needed
quiet = {
    'train_cfg.stages.segmentation.val_begin': 1000,
    'train_cfg.stages.classification.val_begin': 1000,
}
segmentation_only = {'train_cfg.stages.classification.max_epochs': 0}
# classifiers with the same segmentation share its weights
same_masses = {
    'train_cfg.stages.segmentation.max_epochs': 0,
    'model.segmentor.init_cfg.type': 'Pretrained',
    'model.segmentor.init_cfg.checkpoint': '{folder}/segmentor/trained.pth',
    'model.segmentor.init_cfg.prefix': 'segmentor.',
}


# settings that turn NaFV-Net into the other rows
parts = {
    'no-asymmetry': {'model.segmentor.gated': False},
    'no-attention': {'model.segmentor.attentions': []},
    'no-cross-attention': {'model.segmentor.attentions': ['self']},
    'dual-view': {'model.mixer.four_views': False, 'model.robust_loss': None},
    'no-position-mask': {'model.jitter': 0.0},
    'printed-mask': {'model.distance_unit': 1.0},
    'frozen': {'train_cfg.stages.classification.trainable': ['mixer', 'head']},
}


def row(title, part=None, needs=(), system='nafv-net', **options):
    """Return a row."""
    return dict(
        title=title,
        config=f'configs/nafv/{system}_phantom.py',
        needs=list(needs),
        options={**quiet, **parts.get(part, {}), **options},
    )


rows = {
    'segmentor': row('Ours', **segmentation_only),
    'unet': row('UNet', system='nafv-net_unet', **segmentation_only),
    'no-asymmetry': row('Without asymmetry sensitivity', 'no-asymmetry'),
    'no-attention': row('Without attention', 'no-attention'),
    # not in our tables (--rows no-cross-attention)
    'no-cross-attention': row('CC and MLO without each other', 'no-cross-attention'),
}
for name, title in (
    ('', 'NaFV-Net'),
    ('dual-view', 'Without four views'),
    ('no-position-mask', 'Without moved masks ("position mask")'),
    ('printed-mask', 'Algorithm 1 as printed'),
    ('frozen', 'Embedding not trained (random, no DINOv2)'),
):
    rows[f'nafv-net_{name}' if name else 'nafv-net'] = row(
        title, name, ['segmentor'], **same_masses
    )

tables = [
    dict(
        title='Segmentation of masses (table 2)',
        columns={'Dice': 'segmentation/dice', 'mIoU': 'segmentation/iou'},
        digits=3,
        compared=['Dice', 'mIoU'],
        reference='unet',
        rows={
            'unet': (0.7745, 0.6915),
            'no-asymmetry': (0.8419,),
            'no-attention': (0.7909,),
            'segmentor': (0.8818, 0.7916),
        },
    ),
    dict(
        title='Benign or malignant (table 3)',
        columns={'AUC': 'malignancy/auc', 'Dice': 'segmentation/dice'},
        digits=3,
        compared=['AUC', 'Dice'],
        reference='nafv-net',
        rows={
            'no-asymmetry': (0.9234, 0.8419),
            'no-attention': (0.9192, 0.7909),
            'nafv-net_dual-view': (0.8824,),
            'nafv-net_no-position-mask': (0.9158,),
            'nafv-net': (0.9352, 0.8818),
            'nafv-net_frozen': (0.9147,),
        },
    ),
]
