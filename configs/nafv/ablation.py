# Rows of tables 2 and 3 of NaFV-Net on the contrast-enhanced phantom:
#     python tools/analysis_tools/ablate.py configs/nafv/ablation.py --jobs 2
document = 'docs/results/nafv.md'
work_dir = 'work_dirs/ablation/nafv'
# large lesions in fatty breasts: at this size margins of small ones are not to be seen;
# each patient has a lesion, as the paper's
phantom = dict(
    exams=900, size=(128, 64), split=(0.667, 0, 0.333), prevalence=1, density=('A', ),
    lesion_diameter=(16, 25), cem=True)
seeds = (1, 2, 3)

# what training shows on the way is not looked at
quiet = {
    'train_cfg.stages.segmentation.val_begin': 1000,
    'train_cfg.stages.classification.val_begin': 1000
}
segmentation_only = {'train_cfg.stages.classification.max_epochs': 0}
# classifiers that differ in nothing of the segmentation share its weights
same_masses = {
    'train_cfg.stages.segmentation.max_epochs': 0,
    'model.segmentor.init_cfg.type': 'Pretrained',
    'model.segmentor.init_cfg.checkpoint': '{folder}/segmentor/trained.pth',
    'model.segmentor.init_cfg.prefix': 'segmentor.'
}


def row(name, title, needs=(), **options):
    """A row."""
    return dict(
        title=title,
        config=f'configs/nafv/{name}_phantom.py',
        needs=list(needs),
        options=dict(quiet, **options))


rows = {
    'segmentor': row('nafv-net', 'Ours', **segmentation_only),
    'unet': row('nafv-net_unet', 'UNet', **segmentation_only),
    'no-asymmetry': row('nafv-net_no-asymmetry', 'Without asymmetry sensitivity'),
    'no-attention': row('nafv-net_no-attention', 'Without attention')
}
for name, title in (('', 'NaFV-Net'), ('_dual-view', 'Without four views'),
                    ('_no-position-mask', 'Without moved masks ("position mask")'),
                    ('_frozen', 'Embedding not trained (random, no DINOv2)')):
    rows['nafv-net' + name] = row(
        'nafv-net' + name, title, ['segmentor'], **same_masses)

tables = [
    dict(
        title='Segmentation of masses (table 2)',
        columns={
            'Dice': 'segmentation/dice',
            'mIoU': 'segmentation/iou'
        },
        digits=3,
        compared=['Dice', 'mIoU'],
        reference='unet',
        rows={
            'unet': (0.7745, 0.6915),
            'no-asymmetry': (0.8419, ),
            'no-attention': (0.7909, ),
            'segmentor': (0.8818, 0.7916)
        }),
    dict(
        title='Benign or malignant (table 3)',
        columns={'AUC': 'malignancy/auc', 'Dice': 'segmentation/dice'},
        digits=3,
        compared=['AUC', 'Dice'],
        reference='nafv-net',
        rows={
            'no-asymmetry': (0.9234, 0.8419),
            'no-attention': (0.9192, 0.7909),
            'nafv-net_dual-view': (0.8824, ),
            'nafv-net_no-position-mask': (0.9158, ),
            'nafv-net': (0.9352, 0.8818),
            'nafv-net_frozen': (0.9147, )
        })
]
