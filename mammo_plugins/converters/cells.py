"""What the cells of tables say: nothing, a BI-RADS category, a breast density."""

import re
from collections.abc import Iterable

from mammo_plugins.structures import BIRADS, DENSITIES

# from the least to the most suspicious: 0 asks for more images before it is told, as
# a screening recall does; 6 is a cancer that is already proven
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
    """Return whether a cell says nothing, such as '', '-', 'NaN' or 'N/A'."""
    return text.strip().lower() in _NOTHING


def read_birads(text: str) -> str | None:
    """Return the BI-RADS category that a cell is, ``None`` for any other text.

    Args:
        text (str): Such as '4', '4.0', '4a' or 'BI-RADS 4A'; not a range.
    """
    found = re.fullmatch(_NAME + _CATEGORY, text.strip(), re.IGNORECASE)
    return found and _known(*found.groups())


def read_all_birads(text: str) -> list[str]:
    """Return the BI-RADS categories in a cell such as '4$2', by rising concern."""
    text = re.sub(r'bi-?\s?rads[\W_]*', ' ', text, flags=re.IGNORECASE)
    found = re.findall(rf'(?<![\w.,]){_CATEGORY}(?![\w.,]*\w)', text, re.IGNORECASE)
    categories = (_known(*groups) for groups in found)
    return sorted(filter(None, categories), key=CONCERN.index)


def _known(digit: str, letter: str) -> str | None:
    category = digit + letter.upper()
    return category if category in BIRADS else None


def most_concerning(categories: Iterable[str | None]) -> str | None:
    """Return the category of most concern, ``None`` if none is known."""
    return max(filter(None, categories), key=CONCERN.index, default=None)


def read_density(text: str) -> str | None:
    """Return the density 'A' to 'D' that a cell is, ``None`` for any other text.

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
    """Return the whole number from 0 that a cell such as '3' or '3.0' is.

    What has more than 18 digits counts and measures nothing.
    """
    found = re.fullmatch(r'([0-9]{1,18})(?:[.,]0+)?', text.strip())
    return found and int(found[1])


_SIDES = dict(l='L', left='L', r='R', right='R')
_FLAGS = {
    **dict.fromkeys(('1', 'true', 'yes', 'y'), True),
    **dict.fromkeys(('0', 'false', 'no', 'n'), False),
}


def read_side(text: str) -> str | None:
    """Return the side 'L' or 'R' that a cell is, ``None`` for any other text."""
    return _SIDES.get(text.strip().lower())


def read_flag(text: str) -> bool | None:
    """Return what a cell such as '1', '0.0', 'True' or 'no' says, else ``None``."""
    return _FLAGS.get(re.sub(r'[.,]0+$', '', text.strip().lower()))
