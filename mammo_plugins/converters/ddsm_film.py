"""Converting grey levels of DDSM's digitizers to one scale of optical density."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammo_plugins.io.errors import Defect
from mammo_plugins.io.pictures import declared_size, decode_picture, picture_format

from .ddsm_ljpeg import BadStream, check_depth, decode_ljpeg
from .ddsm_texts import read_bytes

# Beyond these limits the digitizers record noise; `ddsm_tools` (fjeg) clips to them,
# following M. Heath's software for the data set.
DENSITY_RANGE = (0.05, 3.0)


@dataclass(frozen=True)
class Digitizer:
    """A film digitizer of DDSM.

    Attributes:
        name (str): Name, with its institution.
        bits (int): Depth of its grey levels.
        density (callable): Computes the optical density of an array of grey levels.
    """

    name: str
    bits: int
    density: Callable[[np.ndarray], np.ndarray]


# The data set's pages 'Mapping Grey Levels to Optical Density for the ... Scanner'
# (DDSM/calibrate): fits to a step wedge of 21 densities. The first letter of a case
# identifies the institution: A Massachusetts General Hospital, B and C Wake Forest
# University, D ISMD.
_DBA = Digitizer(
    'DBA at MGH',
    16,
    lambda level: (np.log10(np.maximum(level, 1)) - 4.80662) / -1.07553,
)
_HOWTEK_MGH = Digitizer('HOWTEK at MGH', 12, lambda level: 3.789 - 0.00094568 * level)
_LUMISYS = Digitizer('LUMISYS at WFU', 12, lambda level: (level - 4096.99) / -1009.01)
_HOWTEK_ISMD = Digitizer(
    'HOWTEK at ISMD', 12, lambda level: 3.96604095240593 - 0.00099055807612 * level
)

DIGITIZERS: dict[tuple[str, str], Digitizer] = {
    ('A', 'DBA'): _DBA,
    ('A', 'HOWTEK'): _HOWTEK_MGH,
    ('B', 'LUMISYS'): _LUMISYS,
    ('C', 'LUMISYS'): _LUMISYS,
    ('D', 'HOWTEK'): _HOWTEK_ISMD,
}


def display_values(levels: np.ndarray, digitizer: Digitizer) -> np.ndarray:
    """Convert grey levels to a scale that is the same for all digitizers.

    Args:
        levels (np.ndarray): uint16 grey levels as digitized.
        digitizer (Digitizer): The film's digitizer.

    Returns:
        np.ndarray: uint16, linear in optical density, 65535 at its lower limit
        (tissue) and 0 at its upper one.
    """
    low, high = DENSITY_RANGE
    density = np.clip(digitizer.density(np.arange(2**16, dtype=np.float64)), low, high)
    table = np.rint((high - density) / (high - low) * (2**16 - 1))
    return table.astype(np.uint16)[levels]


def read_levels(path: Path, lines: int, columns: int, bits: int) -> np.ndarray:
    """Read the grey levels of a film.

    Args:
        path (Path): ``.LJPEG``; ``.LJPEG.1``, the 16-bit big-endian output of USF's
            ``jpeg`` program; or a 16-bit picture with the same levels.
        lines (int), columns (int): Size from the ``.ics`` file.
        bits (int): Depth of the digitizer.

    Returns:
        np.ndarray: (lines, columns) uint16.

    Raises:
        BadStream: If the file is damaged or has another size or kind.
        OSError: If it cannot be read.
    """
    data = read_bytes(path)
    name = path.name.lower().removesuffix('.gz')
    if name.endswith('.ljpeg'):
        return decode_ljpeg(data, lines, columns, bits)
    if name.endswith('.1'):
        levels = np.frombuffer(data[: len(data) // 2 * 2], '>u2').astype(np.uint16)
    else:
        levels = _decode_picture(data)
        if levels.shape != (lines, columns):
            raise _wrong_size(levels.shape[::-1], lines, columns)
    if levels.size != lines * columns:
        raise _wrong_size((levels.size,), lines, columns)
    check_depth(levels, bits)
    return levels.reshape(lines, columns)


def _decode_picture(data: bytes) -> np.ndarray:
    name = picture_format(data[:8])
    try:
        picture = (
            name and declared_size(io.BytesIO(data), name) and decode_picture(data)
        )
    except Defect as defect:
        raise BadStream(str(defect)) from None
    if picture is None:
        raise BadStream('cannot be decoded: the file is damaged or cut short')
    if picture.dtype != np.uint16 or picture.ndim != 2:
        raise BadStream(
            'is not grey of 16 bits: its optical density is lost; use the .LJPEG file'
        )
    return picture


def _wrong_size(shape: tuple, lines: int, columns: int) -> BadStream:
    return BadStream(
        f'holds {" x ".join(map(str, shape))} pixels, but its .ics file states '
        f'{columns} x {lines} (w x h)'
    )
