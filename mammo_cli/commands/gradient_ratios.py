"""Compare the adversarial gradient of a blending generator with that of L_S."""

import argparse

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.runs import check_device


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'config', help='config file of blending adversarial networks'
    )
    arguments.add_argument(
        '--checkpoint',
        help='use these trained networks; draws then differ only in the batch',
    )
    arguments.add_argument(
        '--draws', type=int, default=10, help='number of draws (default: %(default)s)'
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a number of draws below one."""
    if args.draws < 1:
        parser.error(f'--draws {args.draws}: expected at least 1')


def run(args: argparse.Namespace) -> None:
    """Measure and print a table."""
    from mammo_plugins.apis import trained_model_of
    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.gradient_ratios import report

    with user_errors():
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        trained = (
            args.checkpoint
            and trained_model_of(
                'BlendingGAN', cfg, args.checkpoint, args.device, args.trust_checkpoint
            ).model
        )
        report(cfg, args.draws, args.device, trained or None)


COMMAND = Command(
    'tools/analysis_tools/gradient_ratios.py',
    "Measure, on batches of the training set, the norm of the adversarial loss's "
    "gradient at the generator's output relative to that of lambda_p L_S, with "
    'the loss averaged over the patches that touch the region and over all '
    'patches. Each draw uses its own batch and untrained discriminator; the '
    'untrained generator leaves images unchanged. Prints the median and the '
    'range over the draws.',
    '{command} configs/blending/blending-gan_phantom.py',
    add_arguments,
    run,
    check,
)
