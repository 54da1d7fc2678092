"""Telling what of predictions was left out."""

from collections import defaultdict
from collections.abc import Sequence


def tell_damaged(predictions) -> None:
    """Say how many lines were passed over.

    Args:
        predictions (PredictionFile): What was read.
    """
    if predictions.damaged:
        print(
            f'{predictions.path}: {predictions.damaged} lines cut short, damaged or of '
            'another run are left out'
        )


def tell_left_out(entries: Sequence[tuple[str, str]], what: str) -> None:
    """Say what was left out, by reason.

    Args:
        entries (list[tuple[str, str]]): Files and reasons.
        what (str): What they are.
    """
    from mammo_plugins.printable import one_line

    by_reason = defaultdict(list)
    for file, reason in entries:
        by_reason[reason].append(file)
    if by_reason:
        print(f'{len(entries)} {what} left out:')
    for reason, files in by_reason.items():
        print(f'  {_first(files)}: {one_line(reason)}')


def _first(names: Sequence[str]) -> str:
    from mammo_plugins.printable import one_line

    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(map(one_line, names[:3])) + more
