"""Train a model."""

import argparse
import os

from mammo_cli import known
from mammo_cli.arguments import add_run_arguments
from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.runs import check_run, launch, launched, prepare_run


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    add_run_arguments(arguments)
    arguments.add_argument(
        '--precision',
        choices=known.PRECISIONS,
        help='number format (default: acceleration.precision of the config; '
        '"auto" is bf16 on a GPU that supports it, otherwise fp32)',
    )
    arguments.add_argument(
        '--amp',
        action='store_const',
        dest='precision',
        const='fp16',
        help='the same as --precision fp16',
    )
    arguments.add_argument(
        '--compile',
        action='store_true',
        help='compile backbones and necks: on a GPU the first steps take '
        'minutes, later ones less time',
    )
    arguments.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the number of images per step',
    )
    arguments.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint; without a value, from the latest in '
        'the work directory',
    )


def run(args: argparse.Namespace) -> None:
    """Train."""
    if not launched(args):
        launch('train', args)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mmengine.runner import Runner

    import mammo_plugins.apis.config_checks as checks
    from mammo_plugins.apis.acceleration import accelerate
    from mammo_plugins.apis.config_loading import ConfigError
    from mammo_plugins.apis.fold_checks import check_folds
    from mammo_plugins.apis.image_sizes import warn_of_sizes
    from mammo_plugins.apis.leakage import check_banks, check_synthetic_sources
    from mammo_plugins.apis.work_dir import begin_training
    from mammo_plugins.engine.checkpoint import require_file
    from mammo_plugins.engine.distributed import close_process_group
    from mammo_plugins.engine.pretrained import (
        check_pretrained_files,
        check_weights,
        drop_pretrained_files,
    )

    with user_errors(args):
        cfg = prepare_run(args)
        checks.check_complete(cfg, 'train')
        check_folds(cfg)
        accelerate(cfg, args.precision, args.compile)
        if args.auto_scale_lr:
            if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
                raise ConfigError(
                    f'{args.config}: --auto-scale-lr needs auto_scale_lr=dict('
                    'base_batch_size=...) in the config: the images a step that '
                    'its learning rate is meant for'
                )
            cfg.auto_scale_lr.enable = True
        if args.resume not in (None, 'auto'):
            require_file(args.resume, 'checkpoint (--resume)')
        begin_training(cfg, args.resume)
        if cfg.get('load_from'):
            check_weights(
                'load_from',
                cfg.load_from,
                'or train from scratch with --cfg-options load_from=None',
            )
        if cfg.get('resume') and cfg.get('load_from'):
            drop_pretrained_files(cfg.model)
        check_pretrained_files(cfg.model)
        checks.check_annotation_files(cfg, ('train', 'val'))
        checks.check_no_synthesis(cfg, ('val',))
        checks.check_lengths(cfg)
        check_synthetic_sources(cfg)
        check_banks(cfg)
        checks.check_outlines(cfg)
        checks.check_out_of_fold(cfg)
        checks.warn_of_schedule(cfg)
        warn_of_sizes(cfg)
        checks.warn_of_shared_parts(cfg, ['val'])
        runner = Runner.from_cfg(cfg)
        checks.check_batches(runner)
        runner.train()
        close_process_group()
    print(f'checkpoints, logs and results: {cfg.work_dir}')


COMMAND = Command(
    'tools/train.py',
    'Train a model.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
    add_arguments,
    run,
    check_run,
)
