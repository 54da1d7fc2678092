"""Calibrate scores and choose a recall threshold on the validation part."""

import argparse

from mammo_cli.arguments import (
    add_config_arguments,
    add_ensemble,
    add_operating_point,
    read_operating_point,
)
from mammo_cli.command import Command
from mammo_cli.errors import refuse_folder, user_errors
from mammo_cli.runs import prepare_run


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        '--method',
        choices=['temperature', 'isotonic'],
        default='temperature',
        help='temperature fits one number and works with few cases; isotonic '
        'fits an increasing step function and needs hundreds of positive '
        'cases (default: %(default)s)',
    )
    add_operating_point(arguments, 'where exams are recalled')
    arguments.add_argument(
        '--out',
        help='JSON file to write (default: next to the checkpoint, where infer '
        'finds it)',
    )
    arguments.add_argument(
        '--work-dir', help='folder for the log (default: work_dirs/<config name>)'
    )
    add_ensemble(arguments)
    add_config_arguments(arguments)
    arguments.set_defaults(launcher='none')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Read the operating point; refuse other endings of ``--out``."""
    refuse_folder('--out', args.out)
    read_operating_point(parser, args)
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: expected a name that ends with .json')


def run(args: argparse.Namespace) -> None:
    """Run the model on the validation part, fit, write, and report."""
    from mammo_plugins.apis.calibrating import calibrate, on_validation_part
    from mammo_plugins.apis.calibration import calibration_path
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
    from mammo_plugins.engine.checkpoint import require_file

    with user_errors(args):
        checkpoints = [args.checkpoint, *args.ensemble]
        for path in checkpoints:
            require_file(path, 'checkpoint')
        refuse_repeated(checkpoints)
        cfg = prepare_run(args)
        check_complete(cfg, 'test')
        check_folds(cfg)
        flips = trained_flips(cfg) if args.tta else []
        warn_of_shared_parts(cfg, ['val'])
        cfg = on_validation_part(cfg)
        check_annotation_files(cfg, ['test'])
        check_no_synthesis(cfg, ['test'])
        cfg.load_from, cfg.resume = args.checkpoint, False
        found, lacking = calibrate(
            cfg,
            checkpoints,
            EnsembleHook(args.ensemble, flips, args.trust_checkpoint),
            args.tta,
            args.method,
            args.rule,
            args.value,
        )
        path = args.out or calibration_path(args.checkpoint)
        found.write(path)
    report(found.facts, path)
    if lacking:
        print(f'warning: {lacking}')


def report(facts: dict, path: str) -> None:
    """Print what was fitted and chosen.

    Args:
        facts (dict): Content of the file.
        path (str): The file.
    """
    from mammo_plugins.evaluation.functional import format_point
    from mammo_plugins.printable import number_of

    for name, each in facts['scores'].items():
        (brier, brier_after), (ece, ece_after) = each['brier'], each['ece']
        print(
            f'{name}: {each["positives"]} of {each["samples"]} positive; Brier score '
            f'{brier:.4f}, calibrated {brier_after:.4f}; expected calibration error '
            f'{ece:.4f}, calibrated {ece_after:.4f}'
        )
    point = facts['operating_point'] or {}
    if point:
        print(
            f'an exam is recalled if its highest {point["score"]} is >= '
            f'{point["threshold"]:g}: {format_point(point)}'
            + f' (95% CI), {point["positives"]} of '
            + f'{number_of(point["samples"], "exam")} positive'
        )
    warnings = {
        each['warning']
        for each in (*facts['scores'].values(), point)
        if each.get('warning')
    }
    for warning in sorted(warnings):
        print(f'warning: {warning}')
    print('figures are of the exams that it was fitted on; test on others')
    print(f'wrote {path}')


COMMAND = Command(
    'tools/calibrate.py',
    "Calibrate a model's scores on the validation part (val_dataloader), and "
    'choose the threshold above which an exam is recalled. Writes '
    'CHECKPOINT.calibration.json next to the checkpoint, with its hash. mammo '
    'infer applies it; mammo test reports how well it works.',
    '{command} configs/divf/divf-concatenate_r18_phantom.py \\\n'
    '      work_dirs/divf-concatenate_r18_phantom/epoch_10.pth '
    '--operating-point recall-rate=0.1',
    add_arguments,
    run,
    check,
)
