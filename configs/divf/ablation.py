# Rows of tables 1 and 2 of the DIVF-Net paper on the phantom:
#     python tools/analysis_tools/ablate.py configs/divf/ablation.py --jobs 2
document = 'docs/results/divf.md'
work_dir = 'work_dirs/ablation/divf'
# fatty breasts: in dense ones a network of this size, trained from scratch on as few
# breasts, does not learn; prevalence: about 1 malignant breast to 5, as in VinDr-Mammo;
# 480 exams to train, 200 to choose the threshold for macro F1, 320 to test
phantom = dict(
    exams=1000,
    size=(256, 128),
    split=(0.48, 0.2, 0.32),
    prevalence=0.3,
    density=('A', 'B'),
)
seeds = (1, 2, 3)

fusions = {
    'no-fusion': 'No Fusion',
    'average': 'Average Fusion',
    'concatenate': 'Concatenate Fusion',
    'divf-average': 'DIVF(Average)',
    'divf-concatenate': 'DIVF(Concatenate)',
}
# settings that turn DIVF(Concatenate) into the other rows
parts = {
    'no-fusion': {'model.fusion': None},
    'average': {'model.skip': False, 'model.fusion.aggregation': 'average'},
    'concatenate': {'model.skip': False},
    'divf-average': {'model.fusion.aggregation': 'average'},
    'divf-concatenate': {},
}
rows = {
    f'{name}_{net}': dict(
        title=title,
        config=f'configs/divf/divf-concatenate_{net}_phantom.py',
        options=dict(parts[name]),
    )
    for name, title in fusions.items()
    for net in ('r18', 'r34')
}
baseline = 'divf-concatenate_r34'
# saliency of the warm-up, for all rows of table 2 that paste lesions
rows['saliency'] = dict(
    title='Grad-CAM of the warm-up',
    config=rows[baseline]['config'],
    needs=[baseline],
    command=[
        'tools/saliency.py',
        rows[baseline]['config'],
        f'{{folder}}/{baseline}/trained.pth',
        '--out',
        '{folder}/saliency',
        '--device',
        'cpu',
        '{options}',
    ],
)
synthesis = 'train_dataloader.dataset.pipeline.synthesis'
no_fourier, no_soft_mask = (
    {f'{synthesis}.fourier_beta': None},
    {f'{synthesis}.soft_mask': None},
)
stages = {
    'synthesis-cutmix': ('Region selection and CutMix', {**no_fourier, **no_soft_mask}),
    'synthesis-fourier': ('Region selection, CutMix, Fourier adaptation', no_soft_mask),
    'synthesis-soft-mask': ('Region selection, CutMix, soft mask', no_fourier),
    'synthesis': ('Soft-Adapted Malignancy Synthesis, all stages', {}),
}
for name, (title, options) in stages.items():
    rows[name] = dict(
        title=title,
        config=f'configs/divf/{baseline}_phantom_synthesis.py',
        needs=['saliency'],
        options={**options, f'{synthesis}.saliency': '{folder}/saliency/saliency.npz'},
    )
sampler = 'train_dataloader.sampler'
others = {
    'oversampled': (
        'Malignant breasts repeated, no synthesis',
        {f'{sampler}._delete_': True, f'{sampler}.type': 'ClassBalancedSampler'},
    ),
    **{
        name.lower(): (
            name,
            {
                'model.head.loss.use_soft': True,
                'model.train_cfg.augments.type': name,
                'model.train_cfg.augments.alpha': 1.0,
            },
        )
        for name in ('Mixup', 'CutMix')
    },
}
for name, (title, options) in others.items():
    rows[name] = dict(title=title, config=rows[baseline]['config'], options=options)

# at a threshold of 0.5 it is hard to beat a model that calls all breasts benign, so the
# threshold is that of the best macro F1 on the validation part after the last epoch
for name, row in rows.items():
    if 'command' not in row:
        row.setdefault('options', {}).update(
            {
                'val_dataloader.dataset.ann_file': 'annotations/val.json',
                'test_evaluator.threshold_from': f'{{folder}}/{name}/val/roc.json',
            }
        )
del name, row, options

columns = {'AUC': 'roc/auc', 'macro F1': 'roc/macro_f1@chosen'}
paper = {
    'no-fusion': ((0.6879, 0.7012), (0.7022, 0.7148)),
    'average': ((0.7420, 0.7254), (0.7288, 0.7325)),
    'concatenate': ((0.7066, 0.7322), (0.7218, 0.7463)),
    'divf-average': ((0.7215, 0.7400), (0.7167, 0.7417)),
    'divf-concatenate': ((0.7424, 0.7534), (0.7486, 0.7598)),
}
tables = [
    dict(
        title=f'Fusion of CC and MLO, ResNet-{net[1:]} (table 1, VinDr-Mammo)',
        columns=columns,
        reference=f'no-fusion_{net}',
        rows={f'{name}_{net}': paper[name][i] for name in fusions},
    )
    for i, net in enumerate(('r18', 'r34'))
] + [
    dict(
        title='Synthesis of malignant breasts (table 2, VinDr-Mammo; the paper '
        'states F1 alone)',
        columns=columns,
        compared=['macro F1'],
        reference=baseline,
        rows={
            baseline: ('–', 0.7598),
            'oversampled': None,
            'mixup': None,
            'cutmix': None,
            'synthesis-cutmix': ('–', 0.7654),
            'synthesis-fourier': ('–', 0.7696),
            'synthesis-soft-mask': ('–', 0.7678),
            'synthesis': ('–', 0.7732),
        },
    )
]
