"""Compute Grad-CAM saliency of benign breasts, to place lesions in training."""

import argparse
from pathlib import Path

from mammo_cli import known
from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.runs import check_device


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of a DIVF-Net')
    arguments.add_argument('checkpoint', help='its checkpoint')
    arguments.add_argument(
        '--out', required=True, metavar='DIR', help='folder to write saliency.npz to'
    )
    add_saliency_class(arguments)
    add_device(arguments)
    add_config_arguments(arguments)


def add_saliency_class(arguments: argparse.ArgumentParser) -> None:
    """Add ``--saliency-class``."""
    arguments.add_argument(
        '--saliency-class',
        choices=known.SALIENCY_CLASSES,
        default='benign',
        help='class of Grad-CAM over benign breasts (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> None:
    """Compute and write the saliency maps."""
    from mammo_plugins.apis import trained_model_of, training_saliency
    from mammo_plugins.apis.config_loading import load_config

    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        trained = trained_model_of(
            'DIVFNet', cfg, args.checkpoint, args.device, args.trust_checkpoint
        )
        training_saliency(trained, args.saliency_class, Path(args.out) / 'saliency.npz')


COMMAND = Command(
    'tools/saliency.py',
    'Compute Grad-CAM saliency of a DIVF-Net for every view of the benign '
    "breasts in a config's training set, and write OUT/saliency.npz. "
    'SynthesizeMalignancy reads it during training to paste malignant lesions '
    'where the network looks (Nguyen et al., section 3.2).',
    '{command} configs/divf/divf-concatenate_r34_vindr.py '
    'work_dirs/divf-concatenate_r34_vindr/epoch_200.pth '
    '--out data/vindr_mammo_synthetic',
    add_arguments,
    run,
)
