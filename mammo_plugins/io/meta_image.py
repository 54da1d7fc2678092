"""Reading a mammogram from a MetaImage: a text header and raw pixels.

The header (``.mhd``, or ``.mha`` with the pixels behind it) has lines ``Key = Value``,
the last of them ``ElementDataFile``; source: the MetaIO documentation of ITK. The
reader accepts two-dimensional images with one channel, or a volume with a single slice.
"""

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from mammo_plugins.io.decimals import read_decimal
from mammo_plugins.io.dicom_header import FACTS, SPACINGS
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader
from mammo_plugins.io.pictures import full_scale
from mammo_plugins.io.projection import projection_levels
from mammo_plugins.io.reading_warnings import ReadingWarning, ReadingWarnings
from mammo_plugins.io.regular import open_regular

_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:ObjectType|NDims|Comment)\s*=')
_LINE = re.compile(rb'([^\n]*)\n?')
_LONGEST_HEADER = 2**16
_TYPES = {
    'MET_CHAR': 'i1',
    'MET_UCHAR': 'u1',
    'MET_SHORT': 'i2',
    'MET_USHORT': 'u2',
    'MET_INT': 'i4',
    'MET_UINT': 'u4',
    'MET_LONG_LONG': 'i8',
    'MET_ULONG_LONG': 'u8',
    'MET_FLOAT': 'f4',
    'MET_DOUBLE': 'f8',
}
_LEAST_RANGE = 1e-100  # from ElementMin to ElementMax
_OUTSIDE = (
    "MetaImage header: ElementDataFile points outside the header's folder; put "
    'the pixels next to the header'
)
_TRUTHS = {'true': True, 't': True, '1': True, 'false': False, 'f': False, '0': False}


@dataclass(frozen=True)
class MetaHeader:
    """The header of a MetaImage.

    Attributes:
        sizes (tuple[int]): ``DimSize``, columns first.
        dtype (np.dtype): Pixel type, with its byte order.
        spacing_mm (tuple[float], optional): (row, column).
        data_file (str): ``ElementDataFile``; 'LOCAL' means the header's own file.
        start (int): First byte of the pixels; -1 means that they end the file.
        compressed (bool): Whether the pixels are a zlib stream.
        value_range (tuple[float], optional): ``ElementMin`` and ``ElementMax``.
        warnings (tuple[ReadingWarning]): Faults that do not cost the image.
    """

    sizes: tuple[int, ...]
    dtype: np.dtype
    spacing_mm: tuple[float, float] | None
    data_file: str
    start: int
    compressed: bool
    value_range: tuple[float, float] | None
    warnings: tuple[ReadingWarning, ...] = ()


def is_meta_image(start: bytes) -> bool:
    """Return whether a file's first bytes are those of a MetaImage's header."""
    return _START.match(start) is not None


def parse_header(path: Path) -> MetaHeader:
    """Read the header of a MetaImage of any number of dimensions.

    Raises:
        Defect: If it is malformed or of an unsupported kind.
    """
    with path.open('rb') as file:
        data = file.read(_LONGEST_HEADER)
    fields, end = _fields(data)
    if fields.get('ObjectType', 'Image').lower() != 'image':
        raise Defect('MetaImage header: ObjectType is not Image; leave the file out')
    if not _truth(fields, 'BinaryData', default=True):
        raise Defect(
            'MetaImage header: pixels as text (BinaryData = False) are not '
            'read; write them in binary'
        )
    channels = _numbers(fields, 'ElementNumberOfChannels') or [1]
    if channels != [1]:
        raise Defect(
            f'MetaImage header: {channels[0]:g} channels an element: a '
            'mammogram is grey; save it with one'
        )
    kind = fields.get('ElementType', '')
    if kind not in _TYPES:
        stated = 'another' if kind else 'missing'
        raise Defect(
            f'MetaImage header: ElementType is {stated}; expected one of '
            f'{", ".join(_TYPES)}'
        )
    orders = {
        _truth(fields, key) for key in ('ElementByteOrderMSB', 'BinaryDataByteOrderMSB')
    } - {None}
    if len(orders) > 1:
        raise Defect(
            'MetaImage header: ElementByteOrderMSB and BinaryDataByteOrderMSB '
            'contradict each other; correct the header'
        )
    name = fields['ElementDataFile']
    skipped = _numbers(fields, 'HeaderSize') or [0]
    warnings = ReadingWarnings()
    return MetaHeader(
        sizes=_sizes(fields),
        dtype=np.dtype(_TYPES[kind]).newbyteorder('>' if orders == {True} else '<'),
        spacing_mm=_spacing(fields, warnings),
        data_file='LOCAL' if name.upper() == 'LOCAL' else _inside(name),
        start=end if name.upper() == 'LOCAL' else int(skipped[0]),
        compressed=bool(_truth(fields, 'CompressedData')),
        value_range=_value_range(fields),
        warnings=tuple(warnings),
    )


def read_meta_header(path: Path) -> MammogramHeader:
    """Return the facts of a MetaImage without reading its pixels.

    Raises:
        Defect: If it is not a usable mammogram.
    """
    return _facts(parse_header(path))


def read_meta_image(path: Path, bits_stored: int | None = None) -> Mammogram:
    """Read a MetaImage.

    Unsigned integers are scaled by their depth, as in pictures
    (:func:`~mammo_plugins.io.pictures.read_picture`). Floats are scaled by
    ``ElementMin`` and ``ElementMax`` if the header states them, and used unchanged if
    they lie in [0, 1]; others are treated as an X-ray projection
    (:func:`~mammo_plugins.io.projection.projection_levels`). ``TransformMatrix`` and
    ``AnatomicalOrientation`` are not applied: pixels stay as in the file.

    If a data file contains further planes of the same size, the first one is used, with
    a warning: VICTRE's projections have two, but state one.

    Args:
        path (Path): The header.
        bits_stored (int, optional): Depth of integer pixels. Defaults to ``None``,
            inferred.

    Raises:
        Defect: If it is not a usable mammogram.
    """
    header = parse_header(path)
    facts = _facts(header)
    warnings = ReadingWarnings(header.warnings)
    values = read_values(path, header, warnings)
    if values.min() == values.max():
        raise Defect('constant image: every pixel has the same value; leave it out')
    if values.dtype.kind != 'f':
        pixels, facts.header['bits_stored'] = _integer_levels(values, bits_stored)
    elif header.value_range is not None:
        pixels = _ranged_levels(values, *header.value_range)
    elif np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1:
        pixels = values
    else:
        pixels = projection_levels(values)
        facts.header['modality_lut'] = 'logarithm'
        warnings.add(
            'floats without a range',
            'treated as an X-ray projection: its logarithm, less that of air, is shown',
        )
    return Mammogram(
        pixels.astype(np.float32),
        pixel_spacing_mm=facts.pixel_spacing_mm,
        header=facts.header,
        warnings=tuple(warnings),
    )


def read_values(
    path: Path, header: MetaHeader, warnings: ReadingWarnings
) -> np.ndarray:
    """Return the values of the first plane as in the file, (H, W).

    Args:
        path (Path), header (MetaHeader): The header.
        warnings (ReadingWarnings): Receives planes that are left out.

    Raises:
        Defect: If they are not an image or are incomplete.
    """
    data = _data(path, header, warnings)
    values = np.frombuffer(data, header.dtype).reshape(_plane(header))
    return values.astype(header.dtype.newbyteorder('='))


def _fields(data: bytes) -> tuple[dict[str, str], int]:
    """Return the header's fields and its number of bytes."""
    fields: dict[str, str] = {}
    for number, match in enumerate(_LINE.finditer(data), 1):
        key, equals, value = match[1].decode('latin-1').partition('=')
        key, value = key.replace('\u00ef\u00bb\u00bf', '').strip(), value.strip()
        if not key:
            continue
        if not equals:
            raise Defect(
                f'MetaImage header: line {number} is not of the form Key = Value'
            )
        if fields.setdefault(key, value) != value:
            raise Defect(
                f'MetaImage header: line {number} has another value than an '
                'earlier line of the same key; correct it'
            )
        if key == 'ElementDataFile':
            return fields, match.end()
    raise Defect(
        'MetaImage header without ElementDataFile: the file is cut short; '
        'copy it again from its source'
    )


def _truth(
    fields: dict[str, str], key: str, default: bool | None = None
) -> bool | None:
    if key not in fields:
        return default
    if fields[key].lower() not in _TRUTHS:
        raise Defect(f'MetaImage header: {key} is neither True nor False; correct it')
    return _TRUTHS[fields[key].lower()]


def _numbers(fields: dict[str, str], key: str) -> list[float]:
    found = [read_decimal(word) for word in fields.get(key, '').split()]
    if not np.isfinite(found).all():
        raise Defect(
            f'MetaImage header: {key} holds something that is not a finite '
            'number; correct it'
        )
    return found


def _sizes(fields: dict[str, str]) -> tuple[int, ...]:
    sizes, dimensions = _numbers(fields, 'DimSize'), _numbers(fields, 'NDims')
    if (
        len(sizes) < 2
        or min(sizes) < 1
        or any(size % 1 for size in sizes)
        or dimensions not in ([], [len(sizes)])
    ):
        raise Defect(
            'MetaImage header: DimSize is not as many whole numbers above 0 as '
            'NDims states; correct them'
        )
    return tuple(map(int, sizes))


def _spacing(
    fields: dict[str, str], warnings: ReadingWarnings
) -> tuple[float, float] | None:
    """Return the spacing in mm, ``None`` if the numbers are not positive."""
    key = next((k for k in ('ElementSpacing', 'ElementSize') if k in fields), None)
    if key is None:
        return None
    try:
        found = _numbers(fields, key)
    except Defect:
        found = []
    if len(found) >= 2 and all(
        SPACINGS[0] <= length <= SPACINGS[1] for length in found[:2]
    ):
        return found[1], found[0]
    warnings.add(
        'pixel spacing that makes no sense',
        f'{key} is not two lengths of {SPACINGS[0]:g} to {SPACINGS[1]:g} mm, '
        'treated as absent',
    )
    return None


def _value_range(fields: dict[str, str]) -> tuple[float, float] | None:
    low, high = _numbers(fields, 'ElementMin'), _numbers(fields, 'ElementMax')
    if len(low) == len(high) == 1 and _LEAST_RANGE < high[0] - low[0] < math.inf:
        return low[0], high[0]
    return None


def _inside(name: str) -> str:
    """Return the name of a data file, which must be below its header's folder."""
    if not name or name.upper().split()[0] == 'LIST' or '%' in name:
        raise Defect(
            'MetaImage header: ElementDataFile names no file; expected LOCAL, or '
            'the name of one file'
        )
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or PureWindowsPath(name).drive or '..' in path.parts:
        raise Defect(_OUTSIDE)
    return path.as_posix()


def _plane(header: MetaHeader) -> tuple[int, int]:
    columns, rows, *others = header.sizes
    if any(size != 1 for size in others):
        shown = ' x '.join(f'{size:g}' for size in header.sizes[:4])
        raise Defect(
            f'a volume of {shown} elements: only single images are read; save '
            'the slice or projection you need to a file of its own'
        )
    budget().check_pixels(rows, columns)
    return rows, columns


def _facts(header: MetaHeader) -> MammogramHeader:
    rows, columns = _plane(header)
    return MammogramHeader(
        pixel_spacing_mm=header.spacing_mm,
        warnings=header.warnings,
        header={
            **dict.fromkeys(FACTS),
            'format': 'MetaImage',
            'rows': rows,
            'columns': columns,
            'bits_allocated': 8 * header.dtype.itemsize,
            'signed': header.dtype.kind != 'u',
            'pixel_spacing_source': header.spacing_mm and 'ElementSpacing',
        },
    )


def _data(path: Path, header: MetaHeader, warnings: ReadingWarnings) -> bytes:
    """Return the bytes of the first plane."""
    rows, columns = _plane(header)
    needed = rows * columns * header.dtype.itemsize
    file = _data_file(path, header)
    size = file.stat().st_size
    start = (
        header.start
        if header.start >= 0
        else 0
        if header.compressed
        else max(0, size - needed)
    )
    there = max(0, size - start)
    # a zlib stream is hardly ever longer than its content
    wanted = 2 * needed + 2**10 if header.compressed else needed
    budget().check_bytes(min(there, wanted))
    with open_regular(file) as pixels:
        pixels.seek(min(start, size))
        data = pixels.read(min(there, wanted))
    if header.compressed:
        try:
            data = zlib.decompressobj().decompress(data, needed)
        except zlib.error:
            raise Defect(
                'its compressed pixels cannot be unpacked: the file is '
                'damaged; copy it again from its source'
            ) from None
        there = len(data)
    if there < needed:
        raise Defect(
            f'truncated: {there} of {needed} bytes of pixels; copy its data file '
            'again from its source'
        )
    if there % needed:
        raise Defect(
            f'its data file holds {there} bytes of pixels, which is not a '
            f'multiple of the {needed} that the header states; correct DimSize or '
            'ElementType'
        )
    if there > needed:
        warnings.add(
            'several planes of pixels',
            f'{there // needed} in the data file where the header states one: the '
            'first is used',
        )
    return data


def _data_file(path: Path, header: MetaHeader) -> Path:
    """Return the file of the pixels: below the header's folder, links followed."""
    if header.data_file == 'LOCAL':
        return path
    file = path.parent / header.data_file
    try:
        # the folder itself may be a link, and so may the header next to its pixels
        folders = path.parent.resolve(), path.resolve().parent
        if not any(file.resolve().is_relative_to(folder) for folder in folders):
            raise Defect(_OUTSIDE)
        known = file.is_file()
    except (OSError, ValueError, RuntimeError):  # too long a name, NUL, a loop of links
        known = False
    if not known:
        raise Defect(
            'its data file (ElementDataFile) is missing or not a file; put it '
            'next to the header'
        )
    return file


def _integer_levels(
    values: np.ndarray, bits_stored: int | None
) -> tuple[np.ndarray, int]:
    if values.min() < 0 or values.max() >= 2**16:
        raise Defect(
            f'holds {values.min()} to {values.max()}: integers of 0 to 65535 '
            'are read; save it as MET_USHORT'
        )
    depth = np.uint8 if values.dtype.itemsize == 1 else np.uint16
    highest, bits = full_scale(values.astype(depth), None, bits_stored)
    return values / highest, bits


def _ranged_levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if not np.isfinite(values).all() or values.min() < low or values.max() > high:
        raise Defect(
            f'holds values outside the {low:g} to {high:g} that ElementMin '
            'and ElementMax state, or none at all; correct the header'
        )
    return (values.astype(np.float64) - low) / (high - low)
