"""Report which predictions were left out."""

from collections import defaultdict
from collections.abc import Sequence


def tell_damaged(predictions) -> None:
    """Report the number of damaged lines that were skipped.

    Args:
        predictions (PredictionFile): The file that was read.
    """
    from mammo_plugins.printable import number_of

    if predictions.damaged:
        print(
            f'{predictions.path}: {number_of(predictions.damaged, "line")} cut short, '
            'damaged or of another run left out'
        )


def tell_left_out(entries: Sequence[tuple[str, str]], noun: str) -> None:
    """Report what was left out, by reason.

    Args:
        entries (list[tuple[str, str]]): Files and reasons.
        noun (str): Noun for one of the entries.
    """
    from mammo_plugins.printable import number_of, one_line

    by_reason = defaultdict(list)
    for file, reason in entries:
        by_reason[reason].append(file)
    if by_reason:
        print(f'{number_of(len(entries), noun)} left out:')
    for reason, files in by_reason.items():
        print(f'  {_first(files)}: {one_line(reason)}')


def _first(names: Sequence[str]) -> str:
    from mammo_plugins.printable import one_line

    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(map(one_line, names[:3])) + more
