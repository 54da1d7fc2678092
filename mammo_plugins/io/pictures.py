"""Reading a mammogram from a picture: PNG, TIFF, JPEG or PGM."""

import io
import struct
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image

from mammo_plugins.io.codestreams import stream_size
from mammo_plugins.io.dicom_header import FACTS
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader
from mammo_plugins.io.pgm import LONGEST_HEADER, decode_pgm, pgm_header
from mammo_plugins.io.reading_warnings import ReadingWarning

_SIGNATURES = {
    b'\x89PNG\r\n\x1a\n': 'PNG',
    b'\xff\xd8\xff': 'JPEG',
    b'II*\x00': 'TIFF',
    b'MM\x00*': 'TIFF',
    b'P5': 'PGM',
    b'P2': 'PGM',
}
_DEPTHS = (8, 10, 12, 14, 16)
# by how many of 255 levels the channels of a grey JPEG may differ, at the 99.9th
# percentile and at the maximum: noise of 5 levels in a picture's channels leaves 9 and
# 11 after 4:2:0 subsampling; a coloured mark one pixel wide leaves at least 60
# somewhere
_CHROMA_NOISE = (12, 40)


def picture_format(start: bytes) -> str | None:
    """Return the format given by a file's first bytes, ``None`` if unknown."""
    return next(
        (
            name
            for signature, name in _SIGNATURES.items()
            if start.startswith(signature)
        ),
        None,
    )


def read_picture_header(path: Path, name: str) -> MammogramHeader:
    """Return the facts of a picture: format and size, but no position.

    Raises:
        Defect: If it cannot be parsed.
    """
    with path.open('rb') as file:
        rows, columns = declared_size(file, name)
    return MammogramHeader(
        header=_facts(name, rows, columns), warnings=_warnings_of(path, name)
    )


def _bytes(path: Path) -> bytes:
    budget().check_bytes(path.stat().st_size)
    return path.read_bytes()


def declared_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Return (rows, columns) from the header, before anything is decoded.

    Args:
        file (BinaryIO): The file, at its beginning.
        name (str): Its format, 'PNG', 'TIFF', 'JPEG' or 'PGM'.

    Raises:
        Defect: If it states none or more pixels than the limit, or is an unsupported
            kind of TIFF.
    """
    size: tuple[int, ...] | None
    if name == 'TIFF':
        size = _tiff_size(file)
    elif name == 'PNG':  # IHDR is the first chunk
        data = file.read(24)
        known = data[12:16] == b'IHDR' and len(data) == 24
        size = struct.unpack_from('>II', data, 16)[::-1] if known else None
    elif name == 'PGM':
        header = pgm_header(file.read(LONGEST_HEADER))
        size = header and header[2:0:-1]
    else:
        budget().check_bytes(file.seek(0, 2))
        file.seek(0)
        size = stream_size(file.read())
    if not size or not size[0] * size[1]:
        raise Defect(
            f'cannot be parsed as {name}: the file is damaged or cut short; '
            'copy it again from its source'
        )
    rows, columns = size
    budget().check_pixels(rows, columns)
    return rows, columns


def _warnings_of(path: Path, name: str) -> tuple[ReadingWarning, ...]:
    """Report an Orientation tag: viewers rotate by it, we read pixels as stored."""
    if name not in ('JPEG', 'PNG'):  # TIFFs with one are refused
        return ()
    try:
        with Image.open(path, formats=[name]) as image:
            turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # OpenCV reads pictures that Pillow does not
        return ()
    if turn not in range(2, 9):
        return ()
    return (
        ReadingWarning(
            'picture with an Orientation tag',
            f'{turn}; viewers turn it, its pixels are read as they are stored',
        ),
    )


def read_picture(path: Path, name: str, bits_stored: int | None = None) -> Mammogram:
    """Read a picture.

    16-bit files mostly contain the 10 to 14 bits of a detector without stating it.
    Their depth is therefore the smallest of 8, 10, 12, 14 and 16 bits that covers the
    brightest pixel. Views of one exam may differ; ``bits_stored`` fixes that. Three
    equal channels are read as grey, in JPEG also channels that differ by noise. A PGM
    whose largest value is neither 255 nor 65,535 states its range itself.

    Args:
        path (Path): The file.
        name (str): Its format, 'PNG', 'TIFF', 'JPEG' or 'PGM'.
        bits_stored (int, optional): Depth of integer pixels. Defaults to ``None``,
            inferred.

    Raises:
        Defect: If the picture is not a usable mammogram.
    """
    data = _bytes(path)
    size = declared_size(io.BytesIO(data), name)
    decoded = decode_pgm(data) if name == 'PGM' else (decode_picture(data), None)
    image, declared = decoded or (None, None)
    if image is None or image.shape[:2] != size:
        raise Defect(
            f'cannot be decoded as {name}: the file is damaged, cut short '
            'or of a rare kind; copy it again, or save it as 16-bit PNG'
        )
    image = _to_grey(image, name == 'JPEG')
    if image.dtype.kind == 'f':
        pixels, bits = _check_float(image), None
    else:
        highest, bits = full_scale(image, declared, bits_stored)
        pixels = image / highest
    if pixels.min() == pixels.max():
        raise Defect('constant image: every pixel has the same value; leave it out')
    facts = _facts(name, *image.shape)
    facts['bits_stored'] = bits
    return Mammogram(
        pixels.astype(np.float32), header=facts, warnings=_warnings_of(path, name)
    )


def _facts(name: str, rows: int, columns: int) -> dict:
    return {**dict.fromkeys(FACTS), 'format': name, 'rows': rows, 'columns': columns}


def decode_picture(data: bytes) -> np.ndarray | None:
    """Return a picture's pixels as OpenCV decodes them, ``None`` if it is damaged."""
    logging = getattr(cv2.utils, 'logging', cv2)  # in OpenCV 5 and in 4
    level = logging.getLogLevel()
    logging.setLogLevel(0)  # the reader reports faults of the file
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        logging.setLogLevel(level)


def _tiff_size(file: BinaryIO) -> tuple[int, int]:
    """Return (rows, columns); raise ``Defect`` for unsupported TIFFs."""
    try:
        with tifffile.TiffFile(file) as tiff:
            page, several = tiff.pages.first, _has_second(tiff)
            size = page.imagelength, page.imagewidth
            white, turn = page.photometric == 0, page.tags.valueof('Orientation', 1)
            # unpacked size of one strip or tile, with all samples of its pixels
            part = page.tilelength * page.tilewidth if page.is_tiled else 0
            samples = page.samplesperpixel
    except Exception as error:
        raise Defect(
            f'cannot be parsed as TIFF ({type(error).__name__}): the file '
            'is damaged or cut short; copy it again'
        ) from None
    if several:
        raise Defect(
            '2 pages or more: only single-frame mammograms are read; save the '
            'page you need to a file of its own'
        )
    if turn != 1:  # OpenCV applies some orientations, others not
        known = int(turn) if turn in range(2, 9) else 'that is not known'
        raise Defect(
            f'TIFF with Orientation {known}: its pixels are not stored as they '
            'are shown; save it upright'
        )
    if white:
        raise Defect(
            'WhiteIsZero TIFF: its range of values is not stated, so it '
            'cannot be inverted safely; save it as BlackIsZero'
        )
    budget().check_pixels(part, samples)
    return size


def _has_second(tiff: tifffile.TiffFile) -> bool:
    try:  # do not count them, since there may be millions
        return tiff.pages[1] is not None
    except IndexError:
        return False


def _to_grey(image: np.ndarray, lossy: bool) -> np.ndarray:
    """Return (H, W) from (H, W), or (H, W, 3 or 4) of equal colours.

    Channels that passed through lossy compression may differ by noise.
    """
    if image.ndim == 2:
        return image
    colours, alpha = image[..., :3], image[..., 3:]
    if alpha.size:
        opaque = 1 if image.dtype.kind == 'f' else np.iinfo(image.dtype).max
        if (alpha != opaque).any():
            raise Defect(
                'has transparent pixels: a mammogram is opaque; save it '
                'without the alpha channel'
            )
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    if lossy and _differs_by_noise(colours):
        return cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_BGR2GRAY)
    raise Defect('colour: a mammogram is grey; save it as one grey channel')


def _differs_by_noise(colours: np.ndarray) -> bool:
    spread = colours.max(axis=2) - colours.min(axis=2)
    typical, largest = _CHROMA_NOISE
    return spread.max() <= largest and np.percentile(spread, 99.9) <= typical


def _check_float(image: np.ndarray) -> np.ndarray:
    if not np.isfinite(image).all():
        raise Defect(
            'holds NaN or infinite pixels; replace them and save it as 16-bit integers'
        )
    if image.min() < 0 or image.max() > 1:
        raise Defect(
            f'float pixels from {image.min():g} to {image.max():g} declare '
            'no range; scale them to [0, 1] or save 16-bit integers'
        )
    return image


def full_scale(
    image: np.ndarray, declared: int | None, bits_stored: int | None
) -> tuple[int, int]:
    """Return the value that represents 1.0, and its number of bits.

    Args:
        image (np.ndarray): (H, W) uint8 or uint16.
        declared (int, optional): The largest value that the file states.
        bits_stored (int, optional): Depth, if the caller knows it.

    Raises:
        Defect: If pixels are of another type, or brighter than ``bits_stored`` allows.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise Defect(
            f'pixels are {image.dtype}: 8 or 16-bit unsigned integers, or '
            'floats in [0, 1], are read; save it as 16-bit PNG'
        )
    brightest = int(image.max())
    if bits_stored is not None:
        if brightest >= 2**bits_stored:
            raise Defect(
                f'holds {brightest}, which is more than bits_stored={bits_stored} '
                'can; state the depth of the data'
            )
        return 2**bits_stored - 1, bits_stored
    if declared not in (None, 255, 2**16 - 1):
        return declared, declared.bit_length()
    bits = (
        8
        if image.dtype == np.uint8
        else next(depth for depth in _DEPTHS if brightest < 2**depth)
    )
    return 2**bits - 1, bits
