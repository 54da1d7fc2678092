"""Checking headers of JPEG, JPEG-LS and JPEG 2000 streams before decoding."""

import re
import struct
from collections.abc import Iterator

_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF, JPEG-LS too
_SIZ = b'\xff\x4f\xff\x51'


def stream_size(data: bytes) -> tuple[int, int] | None:
    """Return (rows, columns), ``None`` if the stream does not state it.

    Args:
        data (bytes): A JPEG, JPEG-LS (ITU-T T.81, B.2.2; T.87, C.2.2) or JPEG 2000
            (T.800, A.5.1) stream, or a file that contains the last.
    """
    if data[:2] == b'\xff\xd8':
        return _frame_size(data)
    at = data.find(_SIZ, 0, 2**16)
    if at < 0 or at + 24 > len(data):
        return None
    right, bottom, left, top = struct.unpack_from('>4I', data, at + 8)
    return bottom - top, right - left


def _frame_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            if at + 9 > len(data):
                return None
            return struct.unpack_from('>HH', data, at + 5)
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], 'big'))
    return None


def check_jpeg(data: bytes) -> None:
    """Check the segments of a grey JPEG or JPEG-LS stream with one scan.

    GDCM aborts the whole process on some streams with damaged headers.

    Args:
        data (bytes): The stream.

    Raises:
        ValueError: If it violates T.81 (annex B) or T.87 (annex C).
    """
    at, kind, precision, component, tables = 2, None, 0, 0, set()
    while True:
        if data[at : at + 1] != b'\xff':
            raise ValueError('no marker')
        marker = data[at + 1] if at + 1 < len(data) else 0
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], 'big')
        body = data[at + 4 : at + 2 + length]
        if marker not in _SEGMENTS or len(body) != length - 2:
            raise ValueError('segment')
        at += 2 + length
        if marker == 0xC4:
            tables |= set(_huffman_tables(body))
        elif marker in _FRAMES:
            if kind is not None or len(body) != 9 or body[5] != 1:
                raise ValueError('frame')
            kind, precision, component = marker, body[0], body[6]
        elif marker == 0xDA:
            if kind is None or len(body) != 6 or body[:2] != bytes([1, component]):
                raise ValueError('scan')
            if kind not in (0xF7, 0xCB) and not _tables_of(kind, body[2]) <= tables:
                raise ValueError('Huffman table')
            if kind == 0xC3 and (
                not 1 <= body[3] <= 7 or body[4] or (body[5] & 15) >= precision
            ):
                raise ValueError('predictor')
            break
    if not 2 <= precision <= 16:
        raise ValueError('precision')
    end = (_LS_END if kind == 0xF7 else _END).search(data, at)
    if end is None or end[1] != b'\xd9':
        raise ValueError('no end of the image')


# tables, frames, restart interval, applications, comments, JPEG-LS parameters, a scan
_SEGMENTS = {0xC4, 0xDB, 0xDD, 0xDA, 0xF8, 0xFE, *range(0xE0, 0xF0), *_FRAMES}
# the marker that ends coded data, where FF is followed by 00 or, in JPEG-LS, a 0 bit
_END = re.compile(rb'\xff([^\x00\xd0-\xd7\xff])')
_LS_END = re.compile(rb'\xff([\x80-\xcf\xd8-\xfe])')


def _tables_of(kind: int, selectors: int) -> set[tuple[int, int]]:
    """Return the class and number of each table that a scan needs."""
    direct = {(0, selectors >> 4)}
    return direct if kind == 0xC3 else direct | {(1, selectors & 15)}


def _huffman_tables(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the class and number of each table of a segment."""
    at = 0
    while at < len(body):
        counts = body[at + 1 : at + 17]
        codes = 0
        for bits, count in enumerate(counts, 1):
            codes = 2 * codes + count
            if codes > 1 << bits:
                raise ValueError('Huffman codes')
        if (
            len(counts) < 16
            or body[at] >> 4 > 1
            or not 0 < sum(counts) <= 256
            or (at + 17 + sum(counts) > len(body))
        ):
            raise ValueError('Huffman table')
        yield body[at] >> 4, body[at] & 15
        at += 17 + sum(counts)
