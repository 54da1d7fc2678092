# Rows of tables 1 and 2 and figure 2 of DisAsymNet on the phantom:
#     python tools/analysis_tools/ablate.py configs/disasym/ablation.py --jobs 2
document = 'docs/results/disasym.md'
work_dir = 'work_dirs/ablation/disasym'
# fatty breasts, since a network of this size, trained from scratch on so few exams,
# sees little in dense ones; more asymmetric than symmetric pairs
phantom = dict(
    exams=450, size=(256, 128), split=(0.667, 0, 0.333), prevalence=0.6, density=('A',)
)
seeds = (1, 2, 3)

titles = {
    'resnet18': 'ResNet18, each side alone',
    'late-fusion': 'Late fusion (stand-in)',
    'cross-view-transformer': 'Cross-view transformer (stand-in)',
    'asyc': 'AsyC',
    'asyd': 'AsyD',
    'asyd-syn': 'AsyD & Syn',
    'asyc-asyd': 'AsyC & AsyD',
    'disasymnet': 'DisAsymNet',
}
# settings that turn DisAsymNet into the other rows
no_decoder = {
    'model.asyd': None,
    'val_evaluator.metrics.reconstruction': None,
    'test_evaluator.metrics.reconstruction': None,
}
no_transformer = {'model.asyc.neck': None, 'model.asyc.concatenate': True}
# asymmetry is not predicted
each_side = {
    'model.asyc.neck': None,
    'model.asyc.asymmetry': False,
    'val_evaluator.metrics.asymmetry': None,
    'test_evaluator.metrics.asymmetry': None,
}
parts = {
    'resnet18': {**no_decoder, **each_side},
    'late-fusion': {**no_decoder, **no_transformer},
    'cross-view-transformer': {**no_decoder, 'model.asyc.neck.attentions': ['cross']},
    'asyc': no_decoder,
    'asyd': no_transformer,
    'asyd-syn': no_transformer,
    'asyc-asyd': {},
    'disasymnet': {},
}
inserted = 'train_dataloader.dataset.pipeline.insert'
rows = {
    # tumours from exams that no row uses
    'bank-exams': dict(
        title='Exams of the tumours',
        command=[
            'tools/dataset_converters/phantom.py',
            '--seed',
            '100{seed}',
            '--out',
            '{folder}/tumours',
            '--exams',
            '60',
            '--size',
            '256',
            '128',
            '--split',
            '1',
            '0',
            '0',
            '--prevalence',
            '1',
            '--density',
            'A',
        ],
    ),
    'bank': dict(
        title='Tumours',
        needs=['bank-exams'],
        command=[
            'tools/build_lesion_bank.py',
            '{folder}/tumours/annotations/train.json',
            '--out',
            '{folder}/tumours/lesions.npz',
        ],
    ),
}


def row(name, title, **options):
    """Return a row, with the tumours that it inserts."""
    inserts = name in ('asyd-syn', 'disasymnet')
    bank = {f'{inserted}.bank': '{folder}/tumours/lesions.npz'}
    return dict(
        title=title,
        config='configs/disasym/disasymnet_phantom.py',
        needs=['bank'] if inserts else [],
        options={**parts[name], **(bank if inserts else {inserted: None}), **options},
    )


for name, title in titles.items():
    rows[name] = row(name, title)
rows['disasymnet-dics'] = row(
    'disasymnet',
    "DisAsymNet, L_dics with the paper's weight of 1",
    **{'model.weights.dics': 1.0},
)
# not in a table: the mask of HAM's code (--rows disasymnet-soft-mask)
rows['disasymnet-soft-mask'] = row(
    'disasymnet',
    "DisAsymNet, L_rec by HAM's soft mask",
    **{'model.soft_mask': (100.0, 0.4)},
)
# figure 2: the first of 600 pairs, patient by patient
shares = (25, 50, 75)
systems = ('resnet18', 'cross-view-transformer', 'disasymnet')
for name in systems:
    for share in shares:
        rows[f'{name}_{share}'] = row(
            name,
            f'{titles[name]}, {share}% of the exams',
            **{'train_dataloader.dataset.indices': 6 * share},
        )

tables = [
    dict(
        title='Asymmetric pairs and abnormal breasts (table 1, DDSM)',
        columns={'asymmetric AUC': 'asymmetric/auc', 'abnormal AUC': 'abnormal/auc'},
        compared=['asymmetric AUC', 'abnormal AUC'],
        reference='late-fusion',
        rows={
            'resnet18': ('–', 0.768),
            'late-fusion': (0.931, 0.805),
            'cross-view-transformer': (0.953, 0.790),
            'asyc': (0.958, 0.825),
            'asyd': (0.951, 0.802),
            'asyd-syn': (0.955, 0.824),
            'asyc-asyd': (0.953, 0.841),
            'disasymnet': (0.958, 0.845),
            'disasymnet-dics': None,
        },
    ),
    dict(
        title='Segmentation and localization by heat maps (table 2, INbreast)',
        columns={
            'IoU': 'localization/iou',
            'IoR': 'localization/ior',
            'Dice': 'localization/dice',
            'mean TIoU': 'localization/mean_tiou',
            'mean TIoR': 'localization/mean_tior',
        },
        compared=['IoU'],
        digits=3,
        reference='late-fusion',
        rows={
            'resnet18': (0.193, 0.344, 0.283, 0.214, 0.320),
            'late-fusion': (0.340, 0.450, 0.452, 0.429, 0.420),
            'cross-view-transformer': (0.047, 0.072, 0.072, 0.043, 0.060),
            'asyc': (0.384, 0.443, 0.489, 0.457, 0.420),
            'asyd': (0.336, 0.524, 0.465, 0.429, 0.500),
            'asyd-syn': (0.310, 0.484, 0.438, 0.371, 0.480),
            'asyc-asyd': (0.385, 0.452, 0.500, 0.500, 0.420),
            'disasymnet': (0.461, 0.594, 0.601, 0.600, 0.580),
            'disasymnet-dics': None,
        },
    ),
    dict(
        title='The normal image against the phantom without its lesions, mean error of '
        'grey values in [0, 1]',
        columns={
            'in lesions': 'reconstruction/inside',
            'in lesions, if nothing is done': 'reconstruction/inside_unchanged',
            'bias in lesions': 'reconstruction/inside_bias',
            'in the breast around': 'reconstruction/outside',
        },
        compared=['in lesions', 'in the breast around'],
        digits=3,
        reference='asyc-asyd',
        rows=dict.fromkeys(
            ('asyd', 'asyd-syn', 'asyc-asyd', 'disasymnet', 'disasymnet-dics')
        ),
    ),
    dict(
        title='Share of the training exams (figure 2)',
        columns={'abnormal AUC': 'abnormal/auc', 'asymmetric AUC': 'asymmetric/auc'},
        reference='resnet18',
        rows={
            name: None
            for system in systems
            for name in (*(f'{system}_{share}' for share in shares), system)
        },
    ),
]
plots = [
    dict(
        title='Abnormal AUC by the share of the training exams (figure 2)',
        column='abnormal/auc',
        x=(*shares, 100),
        x_title='% of 300 training exams',
        y_title='AUC, abnormal breasts',
        out='docs/assets/disasym_training_size.png',
        curves={
            titles[system]: [*(f'{system}_{share}' for share in shares), system]
            for system in systems
        },
    )
]
