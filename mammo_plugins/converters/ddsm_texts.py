"""Reading the ``.ics`` and ``.OVERLAY`` files of the original DDSM."""

import gzip
import io
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget

_GZIP = b'\x1f\x8b'
_PART = 2**20  # bytes that are unpacked at once
_SIDE = re.compile(r'\s*(LEFT|RIGHT)[_\s-]*(CC|MLO)\b', re.IGNORECASE)
_ABNORMALITY = re.compile(r'\bABNORMALITY\b', re.IGNORECASE)
_BOUNDARY = re.compile(r'\bBOUNDARY\b([^A-Z#]*)(#?)', re.IGNORECASE)

# (x, y) of the chain code's directions: clockwise from up, y pointing down
_STEPS = np.array(
    [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)]
)

Polygon = list[tuple[float, float]]


def read_bytes(path: Path) -> bytes:
    """Return a file's content, decompressed if it is gzipped.

    Raises:
        OSError: If it cannot be read, is damaged or exceeds the size limit.
    """
    try:
        budget().check_bytes(path.stat().st_size)
        data = path.read_bytes()
        return _unpacked(data) if data.startswith(_GZIP) else data
    except Defect as defect:
        raise OSError(None, str(defect)) from None


def _unpacked(data: bytes) -> bytes:
    parts, length = [], 0
    try:
        with gzip.open(io.BytesIO(data)) as file:
            while part := file.read(_PART):
                parts.append(part)
                length += len(part)
                budget().check_bytes(length)
        return b''.join(parts)
    except (EOFError, OSError, zlib.error) as error:
        raise OSError(None, f'damaged gzip file: {error}') from None


def _read_text(path: Path) -> str:
    """Return a text with uniform line ends; '' if it cannot be read."""
    try:
        text = read_bytes(path).decode('latin-1')
    except OSError:
        return ''
    return '\n'.join(text.replace('\0', '').splitlines())


@dataclass
class FilmLine:
    """The facts of one view in an ``.ics`` file.

    Attributes:
        lines (int), columns (int, optional): Size in pixels.
        microns (float, optional): Pixel pitch.
        overlay (bool, optional): Whether there is an ``.OVERLAY`` file.
    """

    lines: int | None
    columns: int | None
    microns: float | None
    overlay: bool | None


@dataclass
class CaseHeader:
    """The facts used from an ``.ics`` file; dates and age are not.

    Attributes:
        digitizer (str): First word of DIGITIZER in upper case, or ''.
        density (str): The value of DENSITY, or ''.
        films (dict[str, FilmLine]): By 'LEFT_CC', ...
    """

    digitizer: str = ''
    density: str = ''
    films: dict[str, FilmLine] = field(default_factory=dict)


def read_ics(path: Path) -> CaseHeader:
    """Read an ``.ics`` file; facts that it does not state stay empty."""
    header = CaseHeader()
    for line in _read_text(path).splitlines():
        side = _SIDE.match(line)
        if side is not None:
            name = '_'.join(side.groups()).upper()
            header.films.setdefault(name, _film_line(line))
            continue
        words = line.upper().replace(':', ' ').split() + ['']
        if words[0] == 'DIGITIZER':
            header.digitizer = words[1]
        elif words[0] == 'DENSITY':
            header.density = words[1]
    return header


def _film_line(line: str) -> FilmLine:
    line = line.upper()

    def number(key):
        match = re.search(rf'\b{key}\s*[:=]?\s*(\d{{1,9}}(?:\.\d+)?)\b', line)
        value = float(match.group(1)) if match else 0.0
        return value or None

    lines, columns = number('LINES'), number('PIXELS_PER_LINE')
    overlay = re.search(r'\b(NON[_\s-]*)?OVERLAY\b', line)
    return FilmLine(
        lines and int(lines),
        columns and int(columns),
        number('RESOLUTION'),
        None if overlay is None else not overlay.group(1),
    )


@dataclass
class Abnormality:
    """One abnormality of an ``.OVERLAY`` file.

    Attributes:
        types (tuple[str]): The LESION_TYPE lines in upper case, without that word.
        assessment (str), pathology (str): As written, in upper case, or ''.
        boundaries (list[Polygon]): Outlines; cores are left out.
        broken (str): What is wrong with an outline, or ''.
    """

    types: tuple[str, ...]
    assessment: str
    pathology: str
    boundaries: list[Polygon] = field(default_factory=list)
    broken: str = ''

    @property
    def described(self) -> tuple:
        """tuple: The key that one lesion shares in both views."""
        return self.types, self.assessment, self.pathology


@dataclass
class Overlay:
    """An ``.OVERLAY`` file.

    Attributes:
        abnormalities (list[Abnormality]): Those that the file contains.
        total (int, optional): Number that the file states.
    """

    abnormalities: list[Abnormality]
    total: int | None


def read_overlay(path: Path) -> Overlay:
    """Read an ``.OVERLAY`` file."""
    text = _read_text(path)
    head, *blocks = _ABNORMALITY.split(text)
    total = re.search(r'TOTAL_ABNORMALITIES\s+(\d{1,9})\b', head, re.IGNORECASE)
    return Overlay(
        [_abnormality(block) for block in blocks], total and int(total.group(1))
    )


def _abnormality(block: str) -> Abnormality:
    facts: dict[str, str] = {}
    types = []
    for line in block.upper().splitlines():
        key, _, value = line.strip().partition(' ')
        if key == 'LESION_TYPE':
            types.append(' '.join(value.split()))
        elif key in ('ASSESSMENT', 'PATHOLOGY'):
            facts.setdefault(key, value.strip())
    found = Abnormality(
        tuple(types), facts.get('ASSESSMENT', ''), facts.get('PATHOLOGY', '')
    )
    for chain, closed in _BOUNDARY.findall(block):
        try:
            found.boundaries.append(follow_chain(chain.split()))
        except ValueError as error:
            found.broken = str(error)
        else:
            if not closed:
                found.boundaries.pop()
                found.broken = "chain code without its end, '#'"
    return found


def follow_chain(words: list[str]) -> Polygon:
    """Return the outline of a chain code.

    Args:
        words (list[str]): x and y of the first pixel, then a direction 0 to 7 for
            each step.

    Returns:
        list[tuple[float]]: (x, y) of the centres of its pixels, continuous
        coordinates, thinned where that moves the outline by at most one pixel.

    Raises:
        ValueError: If it is not a chain code.
    """
    if len(words) < 2 or not all(word.isdigit() for word in words):
        raise ValueError('chain code that is not of whole numbers')
    start, codes = words[:2], words[2:]
    if not set(codes) <= set('01234567'):
        raise ValueError('chain code with a direction other than 0 to 7')
    if max(map(len, start)) > 9:
        raise ValueError('chain code that begins far outside of any image')
    points = np.array([start], np.int64)
    if codes:
        steps = _STEPS[np.array(codes, np.int64)]
        points = np.concatenate([points, points + np.cumsum(steps, axis=0)])
    thin = cv2.approxPolyDP(points.astype(np.float32)[:, None], 1, True)[:, 0]
    return [(float(x) + 0.5, float(y) + 0.5) for x, y in thin]
