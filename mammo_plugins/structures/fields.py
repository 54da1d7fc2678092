"""Checks of single values in JSON files."""

import math
import os
import reprlib
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

LONGEST_SIDE = 65535  # pixels: DICOM's Rows and Columns have 16 bits
FARTHEST = 1e7  # pixels from an image's corner, far outside any image
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def shown(value: Any) -> str:
    """Return a value as quoted in messages, on one line of limited length."""
    return _SHORT.repr(value)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number and not a bool."""
    try:
        return (
            isinstance(value, Real)
            and not isinstance(value, bool)
            and math.isfinite(value)
        )
    except OverflowError:  # an integer beyond float64
        return False


def is_coordinates(length: int) -> Callable[[Any], bool]:
    """Return a check for a list of ``length`` pixel coordinates."""
    return lambda value: (
        isinstance(value, (list, tuple))
        and len(value) == length
        and all(is_number(each) and abs(each) <= FARTHEST for each in value)
    )


def is_one_of(options: Sequence[str]) -> Callable[[Any], bool]:
    """Return a check for one of the given texts."""
    return lambda value: isinstance(value, str) and value in options


def is_id(value: Any) -> bool:
    """Return whether a value is a 64-bit integer."""
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and -(2**63) <= value < 2**63
    )


def is_text(value: Any) -> bool:
    """Return whether a value is a non-empty text that can be encoded."""
    if not isinstance(value, str) or not value or '\0' in value:
        return False
    try:
        os.fsencode(value)  # also accepts file names that are not UTF-8
    except UnicodeEncodeError:  # lone surrogates
        return False
    return True


def is_side(value: Any) -> bool:
    """Return whether a value may be the height or width of an image."""
    return is_id(value) and 0 < value <= LONGEST_SIDE


def is_area(value: Any) -> bool:
    """Return whether a value may be an area in pixels of an image."""
    return is_number(value) and 0 < value <= LONGEST_SIDE**2


def is_spacing(value: Any) -> bool:
    """Return whether a value is a pixel spacing, from a nanometre to a metre."""
    return is_coordinates(2)(value) and 1e-6 <= min(value) <= max(value) <= 1e3
