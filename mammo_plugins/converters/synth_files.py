"""The file formats of M-SYNTH and T-SYNTH.

VICTRE writes a projection as float32, two planes of the size that its header states;
the first is used, as in the authors' own code. Row 0 is at the chest wall, and columns
run along it. An image is turned a quarter counterclockwise for display, as by the
authors: the chest wall is on the left. A value is the quotient of the signal without
the breast and the signal with it, in an arbitrary unit.

The c-view of T-SYNTH, a synthetic 2-D image, is in ``reconstruction<number>.raw`` as
float32, next to the header of the volume from which it was computed: its rows and
columns are the header's first and second dimension, and it is already turned.

``.loc`` files have one line per mass. For a projection: row, column and VICTRE's type
of lesion. For a volume: column and row in a slice before it is turned, the slice, and
sometimes the type.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mammo_plugins.io import MammogramError, atomic_path, read_mammogram
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget
from mammo_plugins.io.meta_image import MetaHeader, parse_header, read_values
from mammo_plugins.io.projection import log_difference
from mammo_plugins.io.reading import guarded
from mammo_plugins.io.reading_warnings import ReadingWarnings

# a darker 16-bit PNG would be read as one of 14 bits
_DARKEST = 2**14
# attenuation of the beam by a mass: 1.3 mm of glandular tissue at 20 keV
_LEAST_ATTENUATION = 0.1


@dataclass(frozen=True)
class Geometry:
    """The geometry of an image once it is upright.

    Attributes:
        size (tuple[int]): (height, width).
        spacing_mm (float): Pixel spacing.
        c_view (bool): Whether ``.loc`` names the column first.
    """

    size: tuple[int, int]
    spacing_mm: float
    c_view: bool

    def place(self, first: float, second: float) -> tuple[float, float]:
        """Return a centre of ``.loc`` as (x, y) in the upright image.

        Both kinds name pixels before the turn, which maps rows to columns, and columns,
        counted from the end, to rows.
        """
        row, column = (second, first) if self.c_view else (first, second)
        return row + 0.5, self.size[0] - (column + 0.5)


def projection_geometry(path: Path) -> Geometry:
    """Return the geometry of a header's projection.

    Raises:
        Defect: If the header cannot be used.
    """
    header = parse_header(path)
    if len(header.sizes) != 2:
        raise Defect(f'{len(header.sizes)} dimensions, not the 2 of a projection')
    return Geometry(header.sizes, _spacing(header), c_view=False)


def c_view_geometry(path: Path) -> Geometry:
    """Return the geometry of the c-view next to its volume's header.

    Raises:
        Defect: If the header is not of a volume, or the ``.raw`` file not a c-view.
    """
    header = parse_header(path)
    if len(header.sizes) != 3:
        raise Defect(
            f'{len(header.sizes)} dimensions, not the 3 of the volume that a '
            'c-view is made of'
        )
    height, width, slices = header.sizes
    held = path.with_suffix('.raw').stat().st_size
    if slices > 1 and held == height * width * slices * header.dtype.itemsize:
        raise Defect('a volume of tomosynthesis; only its c-view is read')
    if held != 4 * height * width:
        raise Defect(
            f'{held} bytes, not the {4 * height * width} of a c-view of '
            f'{height} x {width} pixels in float32'
        )
    return Geometry((height, width), _spacing(header), c_view=True)


def _spacing(header: MetaHeader) -> float:
    if header.spacing_mm is None or header.spacing_mm[0] != header.spacing_mm[1]:
        raise Defect('ElementSpacing is missing, or not the same in rows and columns')
    return header.spacing_mm[0]


def read_locations(path: Path) -> list[list[float]]:
    """Return the numbers of each line of a ``.loc`` file.

    Raises:
        Defect: If a line has fewer than two whole numbers.
    """
    lines = []
    for line in path.read_text('latin-1').splitlines():
        words = re.split(r'[\s,;]+', line.strip())
        if words == ['']:
            continue
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = []
        if len(numbers) < 2 or not np.isfinite(numbers).all():
            raise Defect(
                f'{path.name}: line {line[:40]!r} is not of the form "755 1456 2"'
            )
        lines.append(numbers)
    if not lines:
        raise Defect(f'{path.name} is empty')
    return lines


def read_projection(path: Path) -> np.ndarray:
    """Return a projection upright, (H, W) float32 in [0, 1].

    Raises:
        MammogramError: If it cannot be used.
    """
    return np.rot90(read_mammogram(path).pixels)


def read_c_view(path: Path) -> np.ndarray:
    """Return a c-view, (H, W) float32 in [0, 1].

    Its values have no unit. As in the authors' loader, each image is scaled by its own
    minimum and maximum.

    Raises:
        MammogramError: If it cannot be used.
    """
    with guarded(path):
        height, width = c_view_geometry(path).size
        budget().check_pixels(height, width)
        values = (
            np.fromfile(path.with_suffix('.raw'), '<f4')
            .reshape(height, width)
            .astype(np.float64)
        )  # the full range of float32 overflows float32
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all() or low == high:
        raise MammogramError(
            path,
            'a c-view with NaN or infinite values, or with one value; leave it out',
        )
    return ((values - low) / (high - low)).astype(np.float32)


def read_lesion_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Read the mask of a mass from a projection of the mass alone.

    It is the largest region that attenuates the beam by more than exp(-0.1) after a
    median filter over 5 x 5 pixels.

    Args:
        path (Path): The header.
        height (int), width (int): Size of the upright image.

    Returns:
        np.ndarray: (height, width) uint8, 0 or 1; all 0 if there is no such region.

    Raises:
        MammogramError: If it cannot be read or has another size.
    """
    with guarded(path):
        values = read_values(path, parse_header(path), ReadingWarnings())
        difference, _ = log_difference(values)
    difference = np.rot90(difference)
    if difference.shape != (height, width):
        raise MammogramError(
            path,
            f'{" x ".join(map(str, difference.shape))} pixels, but its image has '
            f'{height} x {width}',
        )
    smooth = cv2.medianBlur(np.abs(difference).astype(np.float32), 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (smooth > _LEAST_ATTENUATION).astype(np.uint8)
    )
    if count == 1:
        return np.zeros((height, width), np.uint8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return (labels == largest).astype(np.uint8)


def write_levels(target: Path, levels: np.ndarray, source: Path) -> None:
    """Write levels of [0, 1] as a 16-bit PNG.

    Raises:
        MammogramError: If they are too dark to be recognized as 16 bits when read.
    """
    pixels = np.rint(levels * (2**16 - 1)).astype(np.uint16)
    if pixels.max() < _DARKEST:
        raise MammogramError(
            source,
            'nothing in it attenuates the beam like a breast (by exp(-1.5) or '
            'more); leave it out',
        )
    _, png = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    with atomic_path(target) as path:
        path.write_bytes(png.tobytes())
