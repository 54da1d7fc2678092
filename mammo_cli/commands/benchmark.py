"""Time tri-view against single-view detection of an exam."""

import argparse

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of a MommiNet model')
    arguments.add_argument(
        '--baseline', required=True, help='config file of a single-view detector'
    )
    add_size(arguments)
    arguments.add_argument(
        '--repeats',
        type=int,
        default=5,
        help='number of repetitions (default: %(default)s)',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def add_size(arguments: argparse.ArgumentParser) -> None:
    """Add ``--size``."""
    arguments.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(3000, 1500),
        metavar=('H', 'W'),
        help='image size in pixels (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    import torch
    from mmengine.logging import MMLogger

    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.apis.exam_benchmark import build, compare

    MMLogger.get_instance('benchmark', log_level='ERROR')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    with user_errors():
        configs = [
            load_config(path, args.cfg_options if path == args.config else None)
            for path in (args.config, args.baseline)
        ]
        model, baseline = (build(cfg, device) for cfg in configs)
        if not hasattr(model, 'ipsilateral'):
            raise ConfigError(
                f'{args.config}: model.type is '
                f'{type(model).__name__}; expected a MommiNet'
            )
    compare(model, baseline, args.size, args.repeats, device)


COMMAND = Command(
    'tools/analysis_tools/benchmark.py',
    'Time the detection of a four-view exam by MommiNet, with and without shared '
    'work, against four passes of a single-view baseline, alternating in one '
    'run. Weights and pixels are random. The malignancy classifier is left out, '
    'because the baseline has none.',
    '{command} configs/mamminet_v2_phantom.py --baseline '
    'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --size 512 256',
    add_arguments,
    run,
    configs=('config', 'baseline'),
)
