"""A row of the table."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the repository


@dataclass(frozen=True)
class Check:
    """One row of the table.

    Attributes:
        name: Subject of the check.
        found: Finding.
        status: 'ok', 'note' (works with a limitation), 'optional' (missing, and only
            some functions need it), 'problem' (required, but missing) or 'not checked',
            if something else must be fixed first.
        cure: What to do about a note, a problem or a missing optional package;
            otherwise empty.
    """

    name: str
    found: str
    status: str = 'ok'
    cure: str = ''


def describe(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__


def gib(number: float) -> str:
    return f'{number / 2**30:.1f} GiB'
