"""Parsing numbers in DICOM text elements, including non-standard notations."""

import math
import re
from collections.abc import Sequence

_COMMA = re.compile(r'[+-]?\d*,\d+(?:[eE][+-]?\d+)?')
_UNIT = re.compile(r'\s*(?:mm|millimet(?:er|re)s?)\s*$', re.IGNORECASE)


def read_decimal(text: str) -> float:
    """Parse a number; a single comma without a point is a decimal sign.

    Args:
        text (str): Such as '0.07', ' 7E-2' or '0,07'.

    Returns:
        float: NaN for anything but a finite number.
    """
    text = text.strip().strip('\0').strip()
    if _COMMA.fullmatch(text):
        text = text.replace(',', '.')
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) and '_' not in text else math.nan


def read_lengths(texts: Sequence[str]) -> list[float] | None:
    """Parse the two lengths in the values of a spacing element.

    DICOM separates them by a backslash. Exports separate them by commas, blanks,
    semicolons or an x, put them in brackets, add their unit, or write one for both.

    Args:
        texts (Sequence[str]): The values of the element.

    Returns:
        list[float] | None: (row, column), ``None`` if they cannot be determined.
    """
    parts = [_UNIT.sub('', text.strip(' \t\r\n\0[](){}\'"')) for text in texts]
    if len(parts) == 1:
        parts = _split(parts[0])
    numbers = [read_decimal(part.strip('\'"')) for part in parts]
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2 or not all(number > 0 for number in numbers):
        return None
    return numbers


def _split(text: str) -> list[str]:
    """Split the lengths in one text; commas between digits may be decimal signs."""
    parts = [part for part in re.split(r'\s*[;xX*/\\]\s*|,?\s+', text) if part]
    if len(parts) > 1 or ',' not in text:
        return [_UNIT.sub('', part) for part in parts]
    pieces = text.split(',')
    if len(pieces) == 4 and '.' not in text:  # 0,07,0,07
        return [','.join(pieces[:2]), ','.join(pieces[2:])]
    if len(pieces) == 2 and '.' not in text:  # 0,07; but 1,1 could be either
        return [text] if pieces[0].strip('0 ') == '' else []
    return pieces
