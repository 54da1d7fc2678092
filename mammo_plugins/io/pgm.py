"""Decoding PGM pictures, which state their largest value."""

import numpy as np

from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget

_BLANK = (b' ', b'\t', b'\r', b'\n', b'\v', b'\f')
LONGEST_HEADER = 2**16  # bytes of a header with its comments
_DIGITS = 9  # the most in a header's number, without leading zeros


def pgm_header(data: bytes) -> tuple[bool, int, int, int, int] | None:
    """Parse the header of a PGM.

    Args:
        data (bytes): The file, or its beginning.

    Returns:
        tuple | None: Whether pixels are text, columns, rows, largest value, and the
        offset of the pixels; ``None`` if it is malformed or truncated.
    """
    numbers: list[int] = []
    at = 2
    data = data[:LONGEST_HEADER]
    while len(numbers) < 3:
        start = at
        while data[at : at + 1] in (*_BLANK, b'#'):
            if data[at : at + 1] == b'#':
                at = data.find(b'\n', at)
                if at < 0:
                    return None
            at += 1
        digits = at
        while data[at : at + 1].isdigit():
            at += 1
        number = data[digits:at].lstrip(b'0')
        if start == digits or digits == at or len(number) > _DIGITS:
            return None
        numbers.append(int(number or b'0'))
    if data[at : at + 1] not in _BLANK:
        return None
    columns, rows, largest = numbers
    return data[:2] == b'P2', columns, rows, largest, at + 1


def decode_pgm(data: bytes) -> tuple[np.ndarray, int] | None:
    """Return the image and its stated largest value; OpenCV drops the latter.

    Args:
        data (bytes): The file.

    Returns:
        tuple | None: (H, W) uint8 or uint16, and the largest value; ``None`` if the
        file is malformed or truncated.

    Raises:
        Defect: If the picture has more pixels than the limit, or brighter ones than it
            states.
    """
    header = pgm_header(data)
    if header is None:
        return None
    text, columns, rows, largest, start = header
    budget().check_pixels(rows, columns)
    if not 0 < largest < 2**16 or not rows * columns:
        return None
    if text:
        values = _numbers(data[start:], rows * columns)
    else:
        dtype = np.dtype('u1' if largest < 256 else '>u2')
        count = min(rows * columns, (len(data) - start) // dtype.itemsize)
        values = np.frombuffer(data, dtype, count, start)
    if values is None or len(values) < rows * columns:
        return None
    if values.max() > largest:
        raise Defect(
            f'holds pixels above the largest value {largest} that the PGM '
            'states; correct its header'
        )
    depth = np.uint8 if largest < 256 else np.uint16
    return values.reshape(rows, columns).astype(depth), largest


def _numbers(text: bytes, count: int) -> np.ndarray | None:
    words = text.split(None, count)[:count]
    if not all(word.isdigit() and len(word) <= _DIGITS for word in words):
        return None
    return np.array([int(word) for word in words], np.int64)
