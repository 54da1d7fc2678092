"""Evaluate a trained model."""

import argparse
import os

from mammo_cli.arguments import (
    add_calibration,
    add_ensemble,
    add_precision,
    add_run_arguments,
)
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors
from mammo_cli.runs import check_run, launch, launched, prepare_run


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    add_run_arguments(arguments)
    add_ensemble(arguments)
    add_calibration(arguments)
    add_precision(arguments)
    arguments.add_argument('--out', help='also write all predictions to this .pkl file')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse other endings of ``--out``."""
    refuse_folder('--out', args.out)
    check_run(parser, args)
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out {args.out}: expected a name that ends with .pkl')


def run(args: argparse.Namespace) -> None:
    """Evaluate."""
    if not launched(args):
        launch('test', args)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mmengine.runner import Runner

    from mammo_plugins.apis.calibrating import CalibrationHook
    from mammo_plugins.apis.calibration import calibration_of
    from mammo_plugins.apis.config_checks import (
        check_annotation_files,
        check_complete,
        check_no_synthesis,
        warn_of_shared_parts,
    )
    from mammo_plugins.apis.ensembles import (
        EnsembleHook,
        refuse_repeated,
        trained_flips,
    )
    from mammo_plugins.apis.fold_checks import check_folds
    from mammo_plugins.apis.tested_model import TestedModelHook
    from mammo_plugins.apis.work_dir import tested
    from mammo_plugins.engine.checkpoint import require_file
    from mammo_plugins.engine.distributed import close_process_group

    with user_errors(args):
        for path in (args.checkpoint, *args.ensemble):
            require_file(path, 'checkpoint')
        refuse_repeated([args.checkpoint, *args.ensemble])
        cfg = prepare_run(args)
        check_complete(cfg, 'test')
        check_folds(cfg)
        cfg.load_from = args.checkpoint
        cfg.resume = False
        check_annotation_files(cfg, ['test'])
        check_no_synthesis(cfg, ['test'])
        warn_of_shared_parts(cfg, ['test'])
        flips = trained_flips(cfg) if args.tta else []
        calibration = calibration_of(
            [args.checkpoint, *args.ensemble], args.tta, args.calibration
        )
        runner = Runner.from_cfg(cfg)
        runner.register_hook(
            EnsembleHook(args.ensemble, flips, args.trust_checkpoint, args.precision)
        )
        runner.register_hook(
            TestedModelHook([args.checkpoint, *args.ensemble], args.tta)
        )
        if calibration is not None:
            runner.register_hook(CalibrationHook(calibration))
        if args.out:
            from mmdet.evaluation import DumpDetResults

            runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=args.out))
        with tested(cfg, args.checkpoint, args.ensemble, args.tta):
            runner.test()
        del runner
        close_process_group()
    print(f'results: {cfg.work_dir}/test')


COMMAND = Command(
    'tools/test.py',
    'Evaluate a trained model and write the results to <work dir>/test.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
    'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth\n'
    '  {command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py \\\n'
    '      work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth --ensemble work_dirs/seed_1/epoch_6.pth '
    '--tta flip',
    add_arguments,
    run,
    check,
)
