"""Report which predictions were left out."""

from collections.abc import Iterable, Sequence

from .light import light

_FEW = 3
_SEVERAL = ' (the first of several such reasons)'


class Names:
    """The first few of possibly millions of names, and their number."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.count = 0

    def add(self, name: str) -> None:
        """Count a name."""
        self.count += 1
        if self.count <= _FEW:
            self.first.append(name)

    def __str__(self) -> str:
        from mammo_plugins.printable import one_line

        more = f' and {self.count - _FEW} more' if self.count > _FEW else ''
        return ', '.join(map(one_line, self.first)) + more


class Reasons:
    """Files grouped by the kind of reason for which they are left out.

    See :func:`~mammo_plugins.printable.kind_of`.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, Names]] = {}
        self._several: set[str] = set()

    def add(self, file: str, reason: str) -> None:
        """Add a file."""
        kind = light('printable').kind_of(reason)
        first, names = self._kinds.setdefault(kind, (reason, Names()))
        if reason != first:
            self._several.add(kind)
        names.add(file)

    @property
    def count(self) -> int:
        """int: Number of files."""
        return sum(names.count for _, names in self._kinds.values())

    def lines(self) -> list[str]:
        """Return a line for each kind, with its first files and its first reason."""
        from mammo_plugins.printable import one_line

        return [
            f'  {names}: {one_line(first)}{_SEVERAL * (kind in self._several)}'
            for kind, (first, names) in self._kinds.items()
        ]


def tell_state(predictions) -> None:
    """Report what the predictions lack: damaged lines, unusable exams, the rest.

    Args:
        predictions (PredictionFile): The file that was read.
    """
    from mammo_plugins.printable import number_of, one_line

    path = one_line(predictions.path)
    if predictions.damaged:
        print(
            f'{path}: {number_of(predictions.damaged, "line")} cut short, damaged or of '
            'another run left out'
        )
    if predictions.unusable:
        print(
            f'{path}: {number_of(predictions.unusable, "exam")} without a usable view '
            'left out'
        )
    if predictions.complete is False:
        print(
            f'{path}: incomplete: the run was stopped, or parts are missing; there may '
            'be more exams'
        )
    elif predictions.complete is None:
        print(
            f'{path}: possibly incomplete: the lines do not state that the run ended, '
            'and there is no newer predictions.json'
        )


def tell_left_out(entries: Sequence[tuple[str, str]], noun: str) -> None:
    """Report what was left out, by reason.

    Args:
        entries (list[tuple[str, str]]): Files and reasons.
        noun (str): Noun for one of the entries.
    """
    reasons = Reasons()
    for file, reason in entries:
        reasons.add(file, reason)
    if entries:
        print(f'{light("printable").number_of(len(entries), noun)} left out:')
    for line in reasons.lines():
        print(line)


def counted_by_kind(counts: dict[str, int]) -> Iterable[tuple[str, int]]:
    """Yield a reason of each kind, and the number of files.

    Args:
        counts (dict[str, int]): Numbers of files by reason.
    """
    kind_of = light('printable').kind_of
    kinds: dict[str, list[str]] = {}
    for reason in counts:
        kinds.setdefault(kind_of(reason), []).append(reason)
    for reasons in kinds.values():
        yield (
            reasons[0] + _SEVERAL * (len(reasons) > 1),
            sum(counts[reason] for reason in reasons),
        )
