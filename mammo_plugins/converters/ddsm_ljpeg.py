"""Decoding the lossless JPEG files of the original DDSM.

They were written by the PVRG-JPEG codec (Stanford, 1993), which departs from
ITU-T T.81, so that standard decoders give a grey gradient or noise:

- Along the first line, T.81 (H.1.2.1) predicts from the left neighbour. PVRG uses
  the predictor of the scan header from the second pixel on, with half the value range
  in place of the line above (``jpeg.c: JpegLosslessDecodeScan``, ``io.c: RewindIob``).
  DDSM signals predictor 7, the mean of left and above.
- Width and height are swapped in the frame header of some files. The predictor uses the
  header's line length, and the picture is the same pixels reshaped. The true size is in
  the case's ``.ics`` file.

GDCM does the entropy decoding after the stream's predictor is set to 1, which it
handles correctly. The differences are then recovered from its result and predicted as
PVRG does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import JPEGLosslessSV1

from mammo_plugins.io import DicomWarnings
from mammo_plugins.io.codestreams import check_jpeg
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget

_SOI, _EOI = b'\xff\xd8', b'\xff\xd9'
_SOF3, _DRI, _SOS = 0xC3, 0xDD, 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length

# T.81, table H.1: from the left, upper and upper left neighbours
_PREDICTORS: dict[int, Callable] = {
    1: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    3: lambda left, above, corner: corner,
    4: lambda left, above, corner: left + above - corner,
    5: lambda left, above, corner: left + ((above - corner) >> 1),
    6: lambda left, above, corner: above + ((left - corner) >> 1),
    7: lambda left, above, corner: (left + above) >> 1,
}


class BadStream(ValueError):
    """A stream that cannot be decoded; the message states why."""


@dataclass
class _Header:
    precision: int
    lines: int
    columns: int
    precision_at: int  # its offset in the stream
    predictor: int
    predictor_at: int
    end: int  # offset of the stream's end


def decode_ljpeg(data: bytes, lines: int, columns: int, bits: int) -> np.ndarray:
    """Decode a lossless JPEG file of DDSM.

    Args:
        data (bytes): The file.
        lines (int), columns (int): True size of the picture.
        bits (int): Depth of the digitizer. If PVRG's rule for the first line gives
            larger values, T.81's rule is tried.

    Returns:
        np.ndarray: (lines, columns) uint16.

    Raises:
        BadStream: If the stream is truncated or damaged, or has another size or kind.
    """
    header = _parse(data)
    if {header.lines, header.columns} != {lines, columns}:
        raise BadStream(
            f'holds {header.columns} x {header.lines} pixels (w x h), but its .ics '
            f'file says {columns} x {lines}; correct the .ics file'
        )
    try:
        budget().check_pixels(lines, columns)
    except Defect as defect:
        raise BadStream(str(defect)) from None
    differences = _differences(data, header)
    pixels = _undo(differences, header, True)
    if _exceeds(pixels, bits):
        pixels = _undo(differences, header, False)
        check_depth(pixels, bits)
    return pixels.reshape(lines, columns)


def _exceeds(pixels: np.ndarray, bits: int) -> bool:
    # a digitizer may be wrong in single pixels; a wrong decoding is wrong in most
    return bits < 16 and np.mean(pixels >= 1 << bits) > 0.01


def check_depth(pixels: np.ndarray, bits: int) -> None:
    """Raise ``BadStream`` if pixels exceed the depth of their digitizer."""
    if _exceeds(pixels, bits):
        raise BadStream(
            f'has values above the {bits} bits of its digitizer: damaged, '
            'or not its grey levels; copy it again from its source'
        )


def _parse(data: bytes) -> _Header:
    """Read the headers of a stream and check its end."""
    if not data.startswith(_SOI):
        raise BadStream('not a JPEG file; copy it again from its source')
    at, frame = 2, None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], 'big')
        body = data[at + 4 : at + 2 + length]
        if marker == _SOF3 and len(body) == 9:
            frame = (
                body[0],
                int.from_bytes(body[1:3], 'big'),
                int.from_bytes(body[3:5], 'big'),
                at + 4,
            )
        elif marker == _DRI and any(body):
            raise BadStream('has restart intervals, which DDSM does not use')
        elif marker == _SOS and frame is not None and len(body) == 6:
            return _checked(data, at, frame, body)
        at += 2 + length
    raise BadStream(
        'no lossless JPEG of one component, or cut short in its header; '
        'copy it again from its source'
    )


def _checked(data: bytes, at: int, frame: tuple, body: bytes) -> _Header:
    predictor, transform = body[3], body[5] & 15
    if predictor not in _PREDICTORS or transform or not 2 <= frame[0] <= 16:
        raise BadStream(
            f'predictor {predictor}, point transform {transform}, {frame[0]} '
            'bits: not a lossless JPEG of the kind in DDSM'
        )
    # in coded data FF is followed by 00, so this is no coincidence
    end = data.find(_EOI, at)
    if end < 0:
        raise BadStream(
            'cut short (no end-of-image marker); copy it again from its source'
        )
    return _Header(*frame, predictor, at + 7, end + len(_EOI))


def _differences(data: bytes, header: _Header) -> np.ndarray:
    """Return the coded differences, (header.lines, header.columns) uint16."""
    stream = bytearray(data[: header.end])
    # 16 bits, because predictor 1 turns the differences into values that need them all
    stream[header.precision_at], stream[header.predictor_at] = 16, 1
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    ds.Rows, ds.Columns = header.lines, header.columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 'MONOCHROME2'
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PixelData = encapsulate([bytes(stream)])
    try:
        check_jpeg(bytes(stream))
        with DicomWarnings(threads=False):
            pixels = pixel_array(ds, decoding_plugin='gdcm')
    except Exception as error:
        raise BadStream(
            f'cannot be decoded ({type(error).__name__}): the file is '
            'damaged; copy it again from its source'
        ) from None
    predicted = np.empty_like(pixels)
    predicted[:, 1:] = pixels[:, :-1]
    predicted[1:, 0] = pixels[:-1, 0]
    predicted[0, 0] = 1 << 15
    return pixels - predicted


def _undo(differences: np.ndarray, header: _Header, pvrg: bool) -> np.ndarray:
    """Undo the prediction, one anti-diagonal of the picture at a time.

    Args:
        differences (np.ndarray): (H, W) uint16.
        header (_Header): The stream's header.
        pvrg (bool): Whether the first line follows PVRG's rule rather than T.81's.

    Returns:
        np.ndarray: (H, W) uint16.
    """
    height, width = differences.shape
    predict = _PREDICTORS[header.predictor]
    # pixel (y, x) is at [y + x + 2, x + 1]; line -1 contains half the range
    sheared = np.full(
        (height + width + 1, width + 1), 1 << (header.precision - 1), np.uint16
    )
    step = sheared.itemsize
    picture = as_strided(
        sheared[2:, 1:], (height, width), ((width + 1) * step, (width + 2) * step)
    )
    picture[...] = differences
    for k in range(height + width - 1):
        first, end = max(0, k - height + 1), min(k + 1, width)
        before = sheared[k + 1, first : end + 1].astype(np.int32)
        left, above = before[:-1], before[1:]
        corner = sheared[k, first:end].astype(np.int32)
        predicted = predict(left, above, corner)
        if not pvrg and end == k + 1:
            predicted[-1] = left[-1]
        if first == 0:
            predicted[0] = above[0]  # a line's first pixel is predicted from above
        pixels = sheared[k + 2, first + 1 : end + 1]
        pixels[...] = (pixels + predicted) & 0xFFFF
    return picture.copy()
