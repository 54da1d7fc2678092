# Rows of figure 4 of the paper on the phantom:
#     python tools/analysis_tools/ablate.py configs/blending/ablation.py --jobs 2
document = 'docs/results/blending.md'
work_dir = 'work_dirs/ablation/blending'
# about 85 training images with masses, as in a fold of INbreast
phantom = dict(exams=240, size=(256, 128), split=(0.4, 0, 0.6), prevalence=0.4)
seeds = (1, 2, 3)

generator = 'configs/blending/blending-gan_phantom.py'
pipeline = 'train_dataloader.dataset.pipeline'
bank = {f'{pipeline}.paste.bank': '{folder}/lesions.npz'}
# settings that distinguish the generators
generators = {
    'blending-gan': {},
    # "adversarial network without prior information of mass": noise in the lesion's
    # place, and no seamless blending loss
    'blending-gan_no-prior': {'model.seamless': False, f'{pipeline}.paste.noise': True},
    # according to the paper, images without it "may lack the texture details and appear
    # fake"
    'blending-gan_no-adversarial': {
        'model.discriminator': None,
        'optim_wrapper.discriminator': None,
    },
}
solved = {
    'poisson': "Poisson image editing, OpenCV's",
    'mixed-gradients': 'Exact mixed gradients',
}
rows = dict(
    bank=dict(
        title='Lesions',
        command=[
            'tools/build_lesion_bank.py',
            '{folder}/data/annotations/train.json',
            '--out',
            '{folder}/lesions.npz',
            '--context',
            '2',
        ],
    )
)


def images(name, title, needs, options, *method):
    """Return a row that creates 200 synthetic images."""
    return dict(
        title=f'{title}, images',
        config=generator,
        needs=[needs],
        options={**bank, **options},
        command=[
            'tools/blend.py',
            generator,
            *method,
            '--count',
            '200',
            '--seed',
            '{seed}',
            '--out',
            f'{{folder}}/{name}_set',
            '{options}',
        ],
    )


for name, options in generators.items():
    rows[name] = dict(
        title=f'{name}, training',
        config=generator,
        needs=['bank'],
        options={**bank, **options},
        command=[
            'tools/train.py',
            generator,
            '--work-dir',
            f'{{folder}}/{name}_training',
            '--resume',
            '{options}',
        ],
    )
    rows[f'{name}_images'] = images(
        name,
        name,
        name,
        options,
        f'{{folder}}/{name}_training/epoch_25.pth',
        '--device',
        'cpu',
    )
for name, title in solved.items():
    rows[f'{name}_images'] = images(name, title, 'bank', {}, f'--{name}')

detector = 'configs/blending/mask-rcnn_r18_phantom'
# validation during training is not needed
quiet = {'train_cfg.stages.all.val_begin': 1000}
rows['original'] = dict(title='Original data', config=f'{detector}.py', options=quiet)
rows['repeated'] = dict(
    title='Original data, as many iterations as below',
    config=f'{detector}_repeated.py',
    options=quiet,
)
for row, title, made in (
    ('poisson', "+ Poisson image editing, OpenCV's", 'poisson'),
    ('mixed-gradients', '+ exact mixed gradients', 'mixed-gradients'),
    ('no-prior', '+ adversarial without prior', 'blending-gan_no-prior'),
    ('no-adversarial', '+ blending without adversarial', 'blending-gan_no-adversarial'),
    ('blending', '+ blending adversarial', 'blending-gan'),
):
    rows[row] = dict(
        title=title,
        config=f'{detector}_blending.py',
        needs=[f'{made}_images'],
        options={
            **quiet,
            'train_dataloader.dataset.datasets.synthetic.data_root': f'{{folder}}/{made}_set',
        },
    )

tables = [
    dict(
        title='Detection of masses at IoU > 0.5 (figure 4)',
        columns={f'TPR@{fppi}': f'froc/recall@{fppi}' for fppi in (0.5, 0.8, 1.3)},
        compared=['TPR@0.5', 'TPR@0.8'],
        reference='original',
        rows={
            'original': None,
            'repeated': None,
            'poisson': None,
            'mixed-gradients': None,
            'no-prior': None,
            'no-adversarial': None,
            # table 1, INbreast
            'blending': ('0.91 ± 0.07', '0.94 ± 0.07', '–'),
        },
    )
]
