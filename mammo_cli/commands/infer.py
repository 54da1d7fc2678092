"""Detect lesions or classify breasts, pairs or exams in DICOM files or pictures."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_cli.arguments import (
    add_calibration,
    add_config_arguments,
    add_device,
    add_ensemble,
    add_precision,
)
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors
from mammo_cli.left_out import Names, Reasons
from mammo_cli.runs import check_device

from .index import add_group_by

if TYPE_CHECKING:
    from mammo_plugins.apis import ExamInferencer


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        'path', nargs='*', help='files, or folders with one or more exams'
    )
    arguments.add_argument(
        '--out',
        default='results',
        help='output folder for this run only (default: %(default)s)',
    )
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='minimum score of a box in the pictures, such as the value that a test '
        'prints as "score >=" (default: %(default)s)',
    )
    arguments.add_argument(
        '--figures',
        default='all',
        metavar='none|all|above=SCORE',
        help='exams to draw; above=0.5 draws those with a score of 0.5 or more '
        '(default: %(default)s)',
    )
    add_group_by(arguments)
    arguments.add_argument(
        '--nipple-detector',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a trained nipple detector for detectors of two views (default: the '
        'tip of the skin line)',
    )
    _add_archive_arguments(arguments)
    add_ensemble(arguments)
    add_calibration(arguments)
    add_device(arguments)
    add_precision(arguments)
    add_config_arguments(arguments)


def _add_archive_arguments(arguments: argparse.ArgumentParser) -> None:
    archive = arguments.add_argument_group('an archive, in place of PATH')
    archive.add_argument(
        '--index', help='index written by mammo index; results are not kept in memory'
    )
    archive.add_argument(
        '--root',
        metavar='DIR',
        help='folder of the images, if this machine has them elsewhere than the one '
        'that made the index',
    )
    archive.add_argument(
        '--num-parts',
        type=int,
        default=1,
        metavar='N',
        help='process one of N parts of the index, each with its own --out; '
        'mammo merge joins them (default: %(default)s)',
    )
    archive.add_argument(
        '--part-id',
        type=int,
        default=0,
        metavar='I',
        help='part to process, 0 to N - 1 (default: %(default)s)',
    )
    archive.add_argument(
        '--workers',
        type=int,
        default=2,
        metavar='N',
        help='number of processes that read exams ahead of the model (default: '
        '%(default)s)',
    )
    archive.add_argument(
        '--launcher',
        choices=['none', 'ray'],
        default='none',
        help='ray: one process per GPU, on this machine or on the cluster at '
        'RAY_ADDRESS; processes that die are restarted',
    )
    archive.add_argument(
        '--actors',
        type=int,
        metavar='N',
        help='number of processes for --launcher ray (default: one per GPU, or '
        'one without GPUs)',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible scores and parts."""
    if not 0 <= args.score_thr <= 1:
        refuse(f'--score-thr {args.score_thr}: expected 0 to 1')
    if bool(args.path) == bool(args.index):
        refuse('give either a PATH or --index; PATH is a file or folder of exams')
    given = [
        option
        for option in ('root', 'num_parts', 'part_id', 'workers', 'launcher', 'actors')
        if getattr(args, option) != parser.get_default(option)
    ]
    if given and not args.index:
        refuse(
            f'--{given[0].replace("_", "-")}: needs --index, which mammo index makes'
        )
    if args.num_parts < 1:
        refuse(f'--num-parts {args.num_parts}: expected at least 1')
    if not 0 <= args.part_id < args.num_parts:
        refuse(
            f'--part-id {args.part_id}: expected 0 to {args.num_parts - 1}, '
            'less than --num-parts'
        )
    if args.root and not Path(args.root).is_dir():
        refuse(f'--root {args.root}: no such folder')
    if args.workers < 0:
        refuse(f'--workers {args.workers}: expected at least 0')
    if args.actors is not None and args.actors < 1:
        refuse(f'--actors {args.actors}: expected at least 1')
    if args.actors is not None and args.launcher != 'ray':
        refuse('--actors: needs --launcher ray')
    score = args.figures.removeprefix('above=')
    if args.figures not in ('none', 'all') and (
        score == args.figures or not _is_score(score)
    ):
        refuse(
            f'--figures {args.figures}: expected none, all, or above=SCORE with a score '
            'from 0 to 1'
        )


def _is_score(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def check_output(out: str) -> None:
    """End the command before the work starts if its folder is not writable.

    Folders that did not exist before are removed again.
    """
    from mammo_plugins.io import atomic_path

    folder = Path(out)
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with atomic_path(folder / 'predictions.json.try') as path:
            path.touch()
        (folder / 'predictions.json.try').unlink()
        for each in new:
            each.rmdir()
    except OSError as error:
        refuse(f'--out {out}: cannot write there ({error.strerror})')


def make_inferencer(
    config: str,
    checkpoint: str,
    cfg_options: dict | None = None,
    device: str | None = None,
    trust_checkpoint: bool = False,
    nipple_detector: Sequence[str] | None = None,
    ensemble: Sequence[str] = (),
    tta: str | None = None,
    calibration: str | None = None,
    precision: str = 'fp32',
) -> 'ExamInferencer':
    """Return the model's inferencer; the arguments are those of the command."""
    from mammo_plugins.apis import ExamInferencer, NippleLocator
    from mammo_plugins.apis.config_loading import load_config

    cfg = load_config(config, cfg_options)
    locator = nipple_detector and NippleLocator(
        load_config(nipple_detector[0]), nipple_detector[1], device, trust_checkpoint
    )
    return ExamInferencer(
        cfg,
        checkpoint,
        device,
        trust_checkpoint,
        locator,
        ensemble,
        tta,
        calibration,
        precision,
    )


def run(args: argparse.Namespace) -> None:
    """Read, predict, write, and report."""
    with user_errors(args):
        check_device(args.device)
        check_output(args.out)
        make = partial(
            make_inferencer,
            args.config,
            args.checkpoint,
            args.cfg_options,
            args.device,
            args.trust_checkpoint,
            args.nipple_detector,
            args.ensemble,
            args.tta,
            args.calibration,
            args.precision,
        )
        result = (
            _of_index(make, args)
            if args.index
            else make()(
                args.path, args.out, args.score_thr, args.group_by, args.figures
            )
        )
    exams, skipped = report(result, args.out)
    # a part of a small index may have no exam, and no file then
    if not exams and (skipped or args.num_parts == 1):
        raise SystemExit(
            f'error: {args.index or " ".join(args.path)}: no exam that can be used; '
            + ('the reasons are above' if skipped else 'there are no files')
        )


def _of_index(make: Callable[[], 'ExamInferencer'], args: argparse.Namespace) -> dict:
    from mammo_plugins.apis.archive import Pace, by_ray, outcomes, predict_index

    pace = Pace()
    result = predict_index(
        make(),
        args.index,
        args.out,
        num_parts=args.num_parts,
        part_id=args.part_id,
        score_thr=args.score_thr,
        figures=args.figures,
        workers=args.workers,
        pace=pace,
        root=args.root,
        run=by_ray(make, args.actors) if args.launcher == 'ray' else outcomes,
    )
    if pace.exams:
        print(pace)
    return result


def report(result: dict, out: str) -> tuple[int, int]:
    """Print a summary, with doubtful cases and everything that was left out.

    Args:
        result (dict): From an :class:`~mammo_plugins.apis.ExamInferencer`.
        out (str): The folder with the results.

    Returns:
        tuple: Exams, and files that were skipped.
    """
    from mammo_plugins.apis.inferencers.prediction_writer import figures_of
    from mammo_plugins.printable import kind_of, number_of, one_line

    exams = views = outside = outside_views = pictures = 0
    warned, kinds, recalled = defaultdict(Names), {}, _Recalled()
    for exam in result['exams']:
        recalled.add(exam)
        exams, views = exams + 1, views + len(exam['views'])
        pictures += len(figures_of(exam))
        for view in exam['views']:
            outside += view.get('outside_breast') or 0
            outside_views += bool(view.get('outside_breast'))
        for name, warnings in [
            (f'exam {exam["exam_id"]}', exam['warnings']),
            *((view['file'], view['warnings']) for view in exam['views']),
        ]:
            for warning in warnings:
                kind = kinds.setdefault(kind_of(warning), warning)
                warned[kind].add(name)
    reasons = Reasons()
    for entry in result['skipped']:
        reasons.add(entry['file'], entry['reason'])
    if exams:
        print(
            f'{number_of(exams, "exam")}, {number_of(views, "view")}: '
            f'{out}/predictions.json'
            + (f', and {number_of(pictures, "picture")}' if pictures else '')
        )
    for line in recalled.lines():
        print(line)
    if outside:
        print(
            f'{number_of(outside, "detection")} outside the breast dropped, in '
            f'{number_of(outside_views, "view")}'
        )
    for note in result['notes']:
        print(f'note: {one_line(note)}')
    for warning, names in warned.items():
        print(f'warning: {names}: {one_line(warning)}')
    if reasons.count:
        print(f'{number_of(reasons.count, "file")} skipped:')
    for line in reasons.lines():
        print(line)
    return exams, reasons.count


class _Recalled:
    """Recalled exams, listed if they are few and counted if they are many."""

    few = 20

    def __init__(self) -> None:
        self.judged, self.threshold = 0, 0.0
        self.recalled, self.exams = Names(), []

    def add(self, exam: dict) -> None:
        recall = exam.get('recall')
        if recall is None:  # the model has no threshold
            return
        self.judged, self.threshold = self.judged + 1, recall['threshold']
        if recall['recalled']:
            self.recalled.add(exam['exam_id'])
        if self.judged <= self.few:
            said = {True: 'recalled', False: 'not recalled', None: 'not judged'}
            score = recall['exam_score']
            self.exams.append(
                f'  {exam["exam_id"]}: {said[recall["recalled"]]}'
                + ('' if score is None else f', score {score:g}')
            )

    def lines(self) -> list[str]:
        from mammo_plugins.printable import number_of, one_line

        if not self.judged:
            return []
        listed = self.judged <= self.few
        names = '' if listed or not self.recalled.count else f' ({self.recalled})'
        return [
            f'{self.recalled.count} of {number_of(self.judged, "exam")} recalled: '
            f'score >= {self.threshold:g}{names}',
            *(map(one_line, self.exams) if listed else ()),
        ]


COMMAND = Command(
    'tools/infer.py',
    'Detect lesions in exams, or classify breasts (DIVF-Net), pairs of breasts '
    '(DisAsymNet) or exams (NaFV-Net). Writes predictions.json (boxes in pixels '
    'of the original files and in mm) and one four-view picture per exam; for '
    'pairs, one per projection with the normal and the abnormal images; for '
    'exams, one with the outlines of masses and one with heat maps. Each exam is '
    'written to predictions.jsonl as soon as it is done; run the same command to '
    'resume. Paths below PATH are written unchanged: keep names out of them. For '
    'an archive, use --index with a file written by mammo index instead of PATH.',
    '{command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
    'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth '
    'data/phantom/dicom --out results\n'
    '  {command} configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py \\\n'
    '      work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth data/phantom/dicom '
    '--ensemble work_dirs/seed_1/epoch_6.pth --tta flip',
    add_arguments,
    run,
    check,
    configs=('config', 'nipple_detector'),
)
