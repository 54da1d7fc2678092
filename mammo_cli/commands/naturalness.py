"""Train a classifier to distinguish synthetic lesions from real ones."""

import argparse

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors
from mammo_cli.runs import check_device

from .synthesize import add_beta_and_context


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'config', help='config file of a DIVF-Net or BlendingGAN model'
    )
    arguments.add_argument(
        '--saliency',
        metavar='FILE',
        help='saliency.npz of mammo saliency, of a DIVF-Net',
    )
    add_beta_and_context(arguments)
    arguments.add_argument(
        '--generator',
        nargs=2,
        action='append',
        default=[],
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a BlendingGAN to judge; repeat for several',
    )
    arguments.add_argument(
        '--seeds',
        type=int,
        nargs='+',
        default=[0, 1, 2],
        help='seeds of the split, the pasting and the network (default: 0 1 2)',
    )
    arguments.add_argument(
        '--epochs', type=int, default=60, help='number of epochs (default: %(default)s)'
    )
    arguments.add_argument(
        '--out', metavar='FILE', help='also write the figures to this JSON file'
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values."""
    refuse_folder('--out', args.out)
    if not 0 <= args.beta <= 1 or args.context <= 0 or args.epochs < 1:
        parser.error('--beta: from 0 to 1, --context: above 0, --epochs: 1 or more')
    if bool(args.saliency) == bool(args.generator):
        parser.error(
            'expected --saliency for a DIVF-Net, or --generator for a BlendingGAN'
        )
    configs = [config for config, _ in args.generator]
    twice = next((config for config in configs if configs.count(config) > 1), None)
    if twice:
        parser.error(
            f'--generator {twice}: given twice; a training with options of '
            'its own keeps its config in its work directory'
        )


def run(args: argparse.Namespace) -> None:
    """Measure each method and print a table."""
    from mammo_plugins.apis import trained_model_of
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.naturalness import draws_of_blends, draws_of_stages, report

    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        if args.saliency:
            draws, what = draws_of_stages(cfg, args.saliency, args.beta, args.context)
        else:
            check_device(args.device)
            others = {
                path: (load_config(path, args.cfg_options), checkpoint)
                for path, checkpoint in args.generator
            }
            draws, what = draws_of_blends(
                cfg,
                {
                    path: (
                        other,
                        trained_model_of(
                            'BlendingGAN',
                            other,
                            checkpoint,
                            args.device,
                            args.trust_checkpoint,
                        ),
                    )
                    for path, (other, checkpoint) in others.items()
                },
            )
        report(draws, what, args.seeds, args.epochs, args.out)


COMMAND = Command(
    'tools/analysis_tools/naturalness.py',
    'Train a small network to distinguish synthetic lesions from real ones: for '
    'each stage of Soft-Adapted Malignancy Synthesis, or for lesions that are '
    'pasted, blended by Poisson image editing and by generators. The closer its '
    'AUC on unseen patients is to 0.5, the more natural the lesions look to a '
    "network of this size, at the config's image size. This says nothing about "
    'where lesions are placed or about the rest of the image.',
    '{command} configs/divf/divf-concatenate_r34_phantom.py '
    '--saliency data/phantom_synthetic/saliency.npz --out work_dirs/naturalness.json\n'
    '  {command} configs/blending/blending-gan_phantom.py --generator '
    'configs/blending/blending-gan_phantom.py '
    'work_dirs/blending-gan_phantom/epoch_25.pth',
    add_arguments,
    run,
    check,
    configs=('config', 'generator'),
)
