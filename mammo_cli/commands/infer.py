"""Detect lesions or classify breasts, pairs or exams in DICOM files or pictures."""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors
from mammo_cli.runs import check_device


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        'path', nargs='+', help='files, or folders with one or more exams'
    )
    arguments.add_argument(
        '--out',
        default='results',
        help='output folder, of this run alone (default: %(default)s)',
    )
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='minimum score of a box in the pictures, such as the value that a test '
        'prints as "score >=" (default: %(default)s)',
    )
    arguments.add_argument(
        '--group-by',
        choices=['study', 'folder'],
        default='study',
        help='how to group files into exams; use "folder" for data sets with one '
        'study per file, such as CBIS-DDSM (default: %(default)s)',
    )
    arguments.add_argument(
        '--nipple-detector',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a trained nipple detector for detectors of two views (default: the '
        'tip of the skin line)',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse scores that cannot be."""
    if not 0 <= args.score_thr <= 1:
        refuse(f'--score-thr {args.score_thr}: expected 0 to 1')


def check_output(out: str) -> None:
    """End the command if its folder cannot be written to, before the work."""
    from mammo_plugins.io import atomic_path

    try:
        with atomic_path(Path(out) / 'predictions.json.try') as path:
            path.touch()
        (Path(out) / 'predictions.json.try').unlink()
    except OSError as error:
        refuse(f'--out {out}: cannot write there ({error.strerror})')


def run(args: argparse.Namespace) -> None:
    """Read, predict, write, tell."""
    from mammo_plugins.apis import ExamInferencer, NippleLocator
    from mammo_plugins.apis.config_loading import load_config

    with user_errors(args):
        check_device(args.device)
        check_output(args.out)
        cfg = load_config(args.config, args.cfg_options)
        locator = args.nipple_detector and NippleLocator(
            load_config(args.nipple_detector[0]),
            args.nipple_detector[1],
            args.device,
            args.trust_checkpoint,
        )
        inferencer = ExamInferencer(
            cfg, args.checkpoint, args.device, args.trust_checkpoint, locator
        )
        result = inferencer(args.path, args.out, args.score_thr, args.group_by)
    report(result, args.out)
    if not result['exams']:
        raise SystemExit(
            f'error: {" ".join(args.path)}: no exam that can be used; '
            + ('the reasons are above' if result['skipped'] else 'there are no files')
        )


def report(result: dict, out: str) -> None:
    """Print what was done, what is doubtful and what was left out.

    Args:
        result (dict): Of an :class:`~mammo_plugins.apis.ExamInferencer`.
        out (str): The folder with the results.
    """
    from mammo_plugins.printable import one_line

    views = sum(len(exam['views']) for exam in result['exams'])
    if result['exams']:
        print(
            f'{len(result["exams"])} exams, {views} views: {out}/'
            'predictions.json, and pictures'
        )
    outside = [
        count
        for exam in result['exams']
        for view in exam['views']
        if (count := view.get('outside_breast'))
    ]
    if outside:
        print(
            f'{sum(outside)} detections outside the breast dropped, in '
            f'{len(outside)} views'
        )
    for note in result['notes']:
        print(f'note: {one_line(note)}')
    warned, kinds = defaultdict(list), {}
    for exam in result['exams']:
        for name, warnings in [
            (f'exam {exam["exam_id"]}', exam['warnings']),
            *((view['file'], view['warnings']) for view in exam['views']),
        ]:
            for warning in warnings:
                kind = kinds.setdefault(warning.partition(':')[0], warning)
                warned[kind].append(name)
    for warning, names in warned.items():
        print(f'warning: {_first(names)}: {one_line(warning)}')
    by_reason = defaultdict(list)
    for entry in result['skipped']:
        by_reason[entry['reason']].append(entry['file'])
    if by_reason:
        print(f'{len(result["skipped"])} files skipped:')
    for reason, files in by_reason.items():
        print(f'  {_first(files)}: {one_line(reason)}')


def _first(names: Sequence[str]) -> str:
    """Name the first few of what may be thousands."""
    from mammo_plugins.printable import one_line

    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(map(one_line, names[:3])) + more


COMMAND = Command(
    'tools/infer.py',
    'Detect lesions in exams, or judge breasts (DIVF-Net), pairs of breasts '
    '(DisAsymNet) or exams (NaFV-Net). Writes predictions.json (boxes in pixels of '
    'the original files and in mm) and one four-view picture per exam; for pairs, '
    'one per projection with the normal and the abnormal images; for exams, one '
    'with the outlines of masses and one with heat maps. Each exam is written to '
    'predictions.jsonl as soon as it is done; run the same command to resume. Paths '
    'below PATH are written unchanged: keep names out of them.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
    'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth '
    'data/phantom/dicom --out results',
    add_arguments,
    run,
    check,
    configs=('config', 'nipple_detector'),
)
