"""Parsing table cells: empty, BI-RADS category, breast density and others."""

import re
from collections.abc import Iterable

from mammo_plugins.structures import BIRADS, DENSITIES

# from the least to the most suspicious: 0 asks for more images before an assessment,
# like a screening recall; 6 is a proven cancer
CONCERN = ('1', '2', '3', '0', '4', '4A', '4B', '4C', '5', '6')

_NOTHING = (
    '',
    '_',
    '-',
    '--',
    '\u2013',
    '\u2014',
    '.',
    '?',
    'nan',
    'none',
    'null',
    'na',
    'n/a',
    '#n/a',
    '<na>',
)
_NAME = r'(?:(?:bi-?\s?rads|acr)[\W_]*)?'
_CATEGORY = r'([0-6])(?:[.,]0+)?\s?([abc]?)'
_DENSITY = r'([a-d1-4])(?:[.,]0+)?'
_LETTERS = dict(zip('1234', DENSITIES))


def is_empty(text: str) -> bool:
    """Return whether a cell counts as empty, such as '', '-', 'NaN' or 'N/A'."""
    return text.strip().lower() in _NOTHING


def read_birads(text: str) -> str | None:
    """Return the BI-RADS category in a cell, ``None`` for any other text.

    Args:
        text (str): A cell such as '4', '4.0', '4a' or 'BI-RADS 4A'; not a range.
    """
    found = re.fullmatch(_NAME + _CATEGORY, text.strip(), re.IGNORECASE)
    return found and _known(*found.groups())


def read_all_birads(text: str) -> list[str]:
    """Return the BI-RADS categories in a cell such as '4$2', least suspicious first."""
    text = re.sub(r'bi-?\s?rads[\W_]*', ' ', text, flags=re.IGNORECASE)
    found = re.findall(rf'(?<![\w.,]){_CATEGORY}(?![\w.,]*\w)', text, re.IGNORECASE)
    categories = (_known(*groups) for groups in found)
    return sorted(filter(None, categories), key=CONCERN.index)


def _known(digit: str, letter: str) -> str | None:
    category = digit + letter.upper()
    return category if category in BIRADS else None


def most_concerning(categories: Iterable[str | None]) -> str | None:
    """Return the most suspicious category, ``None`` if none is known."""
    return max(filter(None, categories), key=CONCERN.index, default=None)


def read_density(text: str) -> str | None:
    """Return the density 'A' to 'D' in a cell, ``None`` for any other text.

    Args:
        text (str): A letter, or 1 to 4, such as 'c', '3.0', 'ACR C' or 'DENSITY C'.
    """
    found = re.fullmatch(
        rf'(?:density[\W_]*)?{_NAME}{_DENSITY}', text.strip(), re.IGNORECASE
    )
    return found and _letter(found[1])


def read_densest(text: str) -> str | None:
    """Return the densest of the densities in a cell such as 'B$C'."""
    found = re.findall(rf'(?<![\w.,]){_DENSITY}(?![\w.,]*\w)', text, re.IGNORECASE)
    return max(map(_letter, found), default=None)


def _letter(density: str) -> str:
    return _LETTERS.get(density, density.upper())


def read_count(text: str) -> int | None:
    """Return the non-negative whole number in a cell such as '3' or '3.0'.

    Numbers with more than 18 digits are implausible and give ``None``.
    """
    found = re.fullmatch(r'([0-9]{1,18})(?:[.,]0+)?', text.strip())
    return found and int(found[1])


_SIDES = dict(l='L', left='L', r='R', right='R')
_FLAGS = {
    **dict.fromkeys(('1', 'true', 'yes', 'y'), True),
    **dict.fromkeys(('0', 'false', 'no', 'n'), False),
}


def read_side(text: str) -> str | None:
    """Return the side 'L' or 'R' in a cell, ``None`` for any other text."""
    return _SIDES.get(text.strip().lower())


def read_flag(text: str) -> bool | None:
    """Return the bool in a cell such as '1', '0.0', 'True' or 'no', else ``None``."""
    return _FLAGS.get(re.sub(r'[.,]0+$', '', text.strip().lower()))
