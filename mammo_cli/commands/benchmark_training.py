"""Time a training step by number format, with and without compilation."""

import argparse

from mammo_cli import known
from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors

from .benchmark import add_size


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='config files of detectors'
    )
    add_size(arguments)
    arguments.add_argument(
        '--samples', type=int, default=1, help='images per step (default: %(default)s)'
    )
    arguments.add_argument(
        '--steps',
        type=int,
        default=10,
        help='number of steps to measure, after three to warm up (default: '
        '%(default)s)',
    )
    arguments.add_argument(
        '--precision',
        nargs='+',
        choices=known.PRECISIONS,
        default=['fp32', 'bf16'],
        help='number formats to compare (default: %(default)s)',
    )
    arguments.add_argument(
        '--compile',
        action='store_true',
        help='also measure each format compiled; takes minutes',
    )
    arguments.add_argument(
        '--stage', help='stage to measure, if the model is trained in stages'
    )
    add_device(arguments)
    add_config_arguments(arguments)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    import torch
    from mmengine.logging import MMLogger

    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.apis.training_benchmark import compare, ways

    MMLogger.get_instance('benchmark', log_level='ERROR')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    with user_errors():
        for path in args.configs:
            compare(
                load_config(path, args.cfg_options),
                args.size,
                args.samples,
                args.steps,
                device,
                ways(args.precision, args.compile),
                args.stage,
            )


COMMAND = Command(
    'tools/analysis_tools/benchmark_training.py',
    'Time training steps of detectors on noise images in one run: in float32 as '
    'MMEngine trains, in other number formats, and compiled. Weights are random; '
    'running statistics are those of the noise. Reports memory, the share of the '
    "GPU's matrix rate, and how far the losses are from float32.",
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --size 256 128',
    add_arguments,
    run,
    configs=('configs',),
)
