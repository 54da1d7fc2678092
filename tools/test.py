"""Evaluate a trained model."""
import os

from mmengine.runner import Runner

from mammo_plugins.apis.config_checks import (check_annotation_files,
                                              check_complete, check_folds,
                                              check_no_synthesis,
                                              warn_of_shared_parts)
from mammo_plugins.apis.work_dir import tested
from mammo_plugins.cli.arguments import add_run_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import prepare_run
from mammo_plugins.engine.checkpoint import require_file
from mammo_plugins.engine.distributed import close_process_group

EXAMPLE = ('python tools/test.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
           'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Evaluate a trained model; figures go to <work dir>/test.', EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    add_run_arguments(arguments)
    arguments.add_argument(
        '--out', help='also write all predictions to this .pkl file')
    args = arguments.parse_args()
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        arguments.error(f'--out {args.out}: expected a name that ends with .pkl')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Evaluate."""
    args = parse_args()
    with user_errors(args):
        require_file(args.checkpoint, 'checkpoint')
        cfg = prepare_run(args)
        check_complete(cfg, 'test')
        check_folds(cfg)
        cfg.load_from = args.checkpoint
        cfg.resume = False
        check_annotation_files(cfg, ['test'])
        check_no_synthesis(cfg, ['test'])
        warn_of_shared_parts(cfg, ['test'])
        runner = Runner.from_cfg(cfg)
        if args.out:
            from mmdet.evaluation import DumpDetResults
            runner.test_evaluator.metrics.append(
                DumpDetResults(out_file_path=args.out))
        with tested(cfg, args.checkpoint):
            runner.test()
        del runner
        close_process_group()
    print(f'results: {cfg.work_dir}/test')


if __name__ == '__main__':
    main()
