"""Paste malignant lesions into benign breasts for training."""

import argparse
from pathlib import Path

from mammo_cli import known
from mammo_cli.arguments import finite
from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.runs import check_device
from mammo_cli.synthetic_images import (
    add_synthesis_arguments,
    check_synthesis_arguments,
    report,
    write_preview,
)

from .saliency import add_saliency_class

# options that leave stages out, and the remaining stages of the method
WAYS = {
    frozenset(['fourier', 'soft-mask']): 'CutMix',
    frozenset(['soft-mask']): '+ Fourier',
    frozenset(['fourier']): '+ soft mask',
    frozenset(): 'all',
}


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of a DIVF-Net')
    arguments.add_argument('checkpoint', nargs='?', help='its checkpoint')
    add_synthesis_arguments(
        arguments,
        'breasts to make (default: as many as balance the classes)',
        'as in figure 4 of Nguyen et al.',
    )
    add_beta_and_context(arguments)
    arguments.add_argument(
        '--adapt',
        choices=['malignant', 'benign'],
        default='malignant',
        help='the patch that takes on the style of the other: benign is eq. 8 as '
        'written (default: %(default)s)',
    )
    arguments.add_argument(
        '--sigma',
        type=finite,
        nargs=2,
        default=list(known.SIGMA_RANGE),
        metavar=('LOW', 'HIGH'),
        help='of soft masks, in shorter sides of the patch (default: '
        f'{" ".join(map(str, known.SIGMA_RANGE))})',
    )
    add_saliency_class(arguments)
    arguments.add_argument(
        '--independent-views',
        action='store_true',
        help='choose the place in each view independently, as in the paper, '
        'instead of at the same distance from the nipple',
    )
    arguments.add_argument(
        '--without',
        nargs='+',
        choices=['fourier', 'soft-mask'],
        default=[],
        help='stages to leave out, as in table 2 of the paper',
    )
    # options that have moved to other commands are distinguished from unknown ones
    for option in ('--saliency-only', '--poisson', '--mixed-gradients'):
        arguments.add_argument(option, action='store_true', help=argparse.SUPPRESS)


def add_beta_and_context(arguments: argparse.ArgumentParser) -> None:
    """Add ``--beta`` and ``--context``."""
    arguments.add_argument(
        '--beta',
        type=finite,
        default=0.01,
        help='half width of the Fourier window, 0 to 1 (default: %(default)s)',
    )
    arguments.add_argument(
        '--context',
        type=finite,
        default=2.0,
        help='factor by which the box of a lesion is enlarged before it is cut '
        'out (default: %(default)s; the paper uses 1)',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values, and options of other commands."""
    if args.saliency_only:
        parser.error(
            '--saliency-only: is a command of its own, python '
            'mammo saliency CONFIG CHECKPOINT --out DIR'
        )
    if args.poisson or args.mixed_gradients:
        parser.error(
            '--poisson, --mixed-gradients: blend masses into normal views, '
            'which is a command of its own, mammo blend CONFIG '
            '--poisson --out DIR'
        )
    check_synthesis_arguments(parser, args)
    if not 0 <= args.beta <= 1 or args.context <= 0:
        parser.error('--beta: from 0 to 1, --context: above 0')
    if not 0 < args.sigma[0] <= args.sigma[1]:
        parser.error(
            f'--sigma {args.sigma[0]} {args.sigma[1]}: expected two rising '
            'shares above 0'
        )
    if args.adapt == 'benign' and args.without == ['soft-mask']:
        parser.error(
            '--adapt benign --without soft-mask: nothing of the adapted '
            'patch would show; leave one of them out'
        )


def run(args: argparse.Namespace) -> None:
    """Paste malignant lesions into benign breasts."""
    from mammo_plugins.apis import (
        SyntheticExams,
        loaded_breasts,
        makes_blended_images,
        synthesis_stages,
        trained_model_of,
        training_saliency,
    )
    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.structures import AnnotationError

    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        if makes_blended_images(cfg):
            raise ConfigError(
                f'{args.config}: blends masses into normal views, by '
                'mammo blend CONFIG CHECKPOINT --out DIR'
            )
        out = Path(args.out)
        trained = trained_model_of(
            'DIVFNet', cfg, args.checkpoint, args.device, args.trust_checkpoint
        )
        loaded = loaded_breasts(cfg)
        file = out / 'saliency.npz'
        saliency = training_saliency(trained, args.saliency_class, file)
        ways = synthesis_stages(
            saliency,
            args.beta,
            dict(sigma_range=tuple(args.sigma)),
            adapt=args.adapt,
            context=args.context,
            same_distance=not args.independent_views,
        )
        exams = SyntheticExams(
            loaded,
            ways[WAYS[frozenset(args.without)]],
            out,
            args.seed,
            dict(checkpoint=args.checkpoint, saliency=file),
        )
        if args.preview:
            write_preview(exams.panels(args.preview, ways), loaded.ann_file, out)
            return
        count = args.count or exams.balancing
        if not count:
            raise AnnotationError(
                f'{loaded.ann_file}: malignant breasts are not fewer than benign '
                'ones; say by --count how many to make'
            )
        report(exams.write(count), out)
        print(exams.summary())


COMMAND = Command(
    'tools/synthesize.py',
    'Create synthetic breasts from the training set of a DIVF-Net by '
    'Soft-Adapted Malignancy Synthesis (Nguyen et al.): malignant lesions are '
    'pasted into benign breasts where Grad-CAM for the benign class is '
    'strongest. Writes OUT/images, OUT/annotations/train.json, which records how '
    'each breast was created, and OUT/saliency.npz (mammo saliency writes '
    'only that). To blend masses into normal views, use mammo blend.',
    '{command} configs/divf/divf-concatenate_r34_vindr.py '
    'work_dirs/divf-concatenate_r34_vindr/epoch_200.pth '
    '--out data/vindr_mammo_synthetic --preview 6',
    add_arguments,
    run,
    check,
)
