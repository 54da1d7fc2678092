"""What the command of inference checks before, and tells after."""
import argparse
from collections import defaultdict
from pathlib import Path
from typing import Sequence

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.io import atomic_path
from mammo_plugins.printable import one_line

from .runs import check_device


def check_output(args: argparse.Namespace) -> None:
    """Refuse what would fail only after the work.

    Args:
        args (Namespace): With ``score_thr``, ``device`` and ``out``.

    Raises:
        ConfigError: If a score or a device cannot be, or the folder not be written to.
    """
    if not 0 <= args.score_thr <= 1:
        raise ConfigError(f'--score-thr {args.score_thr}: expected 0 to 1')
    check_device(args.device)
    try:
        with atomic_path(Path(args.out) / 'predictions.json.try') as path:
            path.touch()
        (Path(args.out) / 'predictions.json.try').unlink()
    except OSError as error:
        raise ConfigError(f'--out {args.out}: cannot write there '
                          f'({error.strerror})') from None


def report(result: dict, out: str) -> None:
    """Print what was done, what is doubtful and what was left out.

    Args:
        result (dict): Of an :class:`~mammo_plugins.apis.ExamInferencer`.
        out (str): The folder with the results.
    """
    views = sum(len(exam['views']) for exam in result['exams'])
    if result['exams']:
        print(f'{len(result["exams"])} exams, {views} views: {out}/'
              'predictions.json, and pictures')
    outside = [count for exam in result['exams'] for view in exam['views']
               if (count := view.get('outside_breast'))]
    if outside:
        print(f'{sum(outside)} detections outside the breast dropped, in '
              f'{len(outside)} views')
    for note in result['notes']:
        print(f'note: {one_line(note)}')
    warned, kinds = defaultdict(list), {}
    for exam in result['exams']:
        for name, warnings in [(f'exam {exam["exam_id"]}', exam['warnings']), *(
                (view['file'], view['warnings']) for view in exam['views'])]:
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
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(map(one_line, names[:3])) + more
