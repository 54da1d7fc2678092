"""Train a model."""
import os

from mmengine.runner import Runner

from mammo_plugins.apis.command_line import (ConfigError, add_run_arguments,
                                             check_annotation_files,
                                             check_no_synthesis,
                                             enable_amp, parser, prepare_run,
                                             require_file, user_errors,
                                             warn_of_schedule)
from mammo_plugins.apis.leakage import check_synthetic_sources
from mammo_plugins.apis.work_dir import begin_training
from mammo_plugins.engine.checkpoint import (check_pretrained_files,
                                             drop_pretrained_files)
from mammo_plugins.engine.distributed import close_process_group

EXAMPLE = ('python tools/train.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py')


def parse_args():
    """Read the command line."""
    arguments = parser('Train a model.', EXAMPLE)
    arguments.add_argument('config', help='config file')
    add_run_arguments(arguments)
    arguments.add_argument(
        '--amp', action='store_true', help='train with mixed precision')
    arguments.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the number of images a step')
    arguments.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint; without a value, from the latest of '
        'the work dir')
    args = arguments.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Train."""
    args = parse_args()
    with user_errors():
        cfg = prepare_run(args)
        if args.amp:
            enable_amp(cfg)
        if args.auto_scale_lr:
            if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
                raise ConfigError(
                    f'{args.config}: --auto-scale-lr needs auto_scale_lr=dict('
                    'base_batch_size=...) in the config: the images a step that '
                    'its learning rate is meant for')
            cfg.auto_scale_lr.enable = True
        begin_training(cfg, args.resume)
        if cfg.get('load_from'):
            require_file(cfg.load_from, 'checkpoint (load_from); '
                         'docs/how_to/pretrained_weights.md says where pretrained '
                         'weights come from')
        if cfg.get('resume') and cfg.get('load_from'):
            drop_pretrained_files(cfg.model)
        check_pretrained_files(cfg.model)
        check_annotation_files(cfg, ('train', 'val'))
        check_no_synthesis(cfg, ('val', ))
        check_synthetic_sources(cfg)
        warn_of_schedule(cfg)
        Runner.from_cfg(cfg).train()
        close_process_group()
    print(f'checkpoints, logs and results: {cfg.work_dir}')


if __name__ == '__main__':
    main()
