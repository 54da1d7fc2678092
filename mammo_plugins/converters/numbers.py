"""Parsing numbers in table cells by one rule for all cells of one writer."""

import math
import re
from collections.abc import Iterable

_UNIT = re.compile(r'\s*(px|pix|pixels?)\.?$', re.IGNORECASE)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ '\u2019]\d{3})+(?!\d)")
_BODY = re.compile(r'[+-]?(\d[\d.,]*|[.,]\d+)(e[+-]?\d+)?', re.IGNORECASE)
DECIMAL, THOUSANDS = 'decimal', 'thousands'
_OTHER = {'.': ',', ',': '.'}
_A_BOX = 4  # numbers that suffice to show how a table is written


class NumberReader:
    """Reads numbers whose point or comma may be a decimal or a thousands separator.

    A sign is certainly decimal where it cannot separate thousands, as in '310.5',
    '0,125' and the comma of '1.060,5'. It certainly separates thousands in '1,060,500'
    and before another sign. Evidence from one number applies to all. A point without
    such evidence is decimal, as programs write it, unless all numbers with a point, at
    least four, look like '1.060', with one digit before it and three after. These are
    refused, as is a comma without evidence, '1,060': they may be 1060 or 1.06. Blanks
    and apostrophes separate thousands; a unit 'px' and powers such as '1e3' are
    accepted.

    Args:
        cells (iterable[str]): All numbers by the same writer or program.
    """

    def __init__(self, cells: Iterable[str]) -> None:
        self._decimal: set[str] = set()
        self._thousands: set[str] = set()
        pointed = grouped = 0  # numbers with a point; those like 1.060
        for cell in cells:
            text, roles = _analyse(cell)
            for sign, role in roles.items():
                pointed += sign == '.'
                grouped += sign == '.' and not role and text.lstrip('+-')[1:2] == '.'
                if role:
                    (self._decimal if role == DECIMAL else self._thousands).add(sign)
        self._all_grouped = pointed == grouped >= _A_BOX

    def read(self, cell: str) -> float:
        """Return the number in a cell.

        Raises:
            ValueError: If it is not a number (empty text) or is ambiguous (the text
                states what was expected).
        """
        text, roles = _analyse(cell)
        if text is None:
            raise ValueError('')
        for sign, role in roles.items():
            role = role or self._role(sign)
            if not role:
                raise ValueError(
                    f'{text.replace(sign, "")} or {text.replace(sign, ".")}: no '
                    f'other number shows whether {sign!r} separates thousands or '
                    'is the decimal sign'
                )
            text = text.replace(sign, '' if role == THOUSANDS else '.')
        value = float(text)
        if not math.isfinite(value):  # such as 1e999
            raise ValueError('')
        return value

    def _role(self, sign: str) -> str:
        """Return the role of an ambiguous sign, judged by all other numbers."""
        decimal, other = sign in self._decimal, _OTHER[sign] in self._decimal
        thousands = sign in self._thousands
        if decimal and not thousands and not other:
            return DECIMAL
        if not decimal and (thousands or other):
            return THOUSANDS
        return (
            DECIMAL
            if sign == '.' and not (thousands or other or self._all_grouped)
            else ''
        )


def _analyse(cell: str) -> tuple[str | None, dict[str, str]]:
    """Return a number without blanks, apostrophes and unit, and its signs' roles.

    An ambiguous sign has the role ''. Thousands separators come first because they are
    removed first. For anything but a number the text is ``None``.
    """
    text = _UNIT.sub('', cell.strip()).replace('\u2212', '-')
    text, grouped = _GROUPED.subn(lambda found: re.sub(r'\D', '', found[0]), text)
    match = _BODY.fullmatch(text)
    if match is None:
        return None, {}
    digits = match[1]
    signs = [sign for sign in ',.' if sign in digits]
    if not signs:
        return text, {}
    last = max(signs, key=digits.rfind)
    whole, _, part = digits.rpartition(last)
    if last in whole:
        sound = len(signs) == 1 and _is_grouped(digits, last)
        return (text, {last: THOUSANDS}) if sound else (None, {})
    if len(signs) == 2:
        sound = _is_grouped(whole, _OTHER[last])
        return (text, {_OTHER[last]: THOUSANDS, last: DECIMAL}) if sound else (None, {})
    either = re.fullmatch(r'[1-9]\d{0,2}', whole) and len(part) == 3
    return text, {last: '' if either and not grouped and not match[2] else DECIMAL}


def _is_grouped(digits: str, sign: str) -> bool:
    return re.fullmatch(rf'\d{{1,3}}({re.escape(sign)}\d{{3}})+', digits) is not None
