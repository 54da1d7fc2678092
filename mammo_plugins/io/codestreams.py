"""The size of an image that a JPEG, JPEG-LS or JPEG 2000 stream declares."""
import struct
from typing import Optional, Tuple

_STANDALONE = {0x01, *range(0xd0, 0xd9)}  # markers without a length
_FRAMES = {*range(0xc0, 0xd0), 0xf7} - {0xc4, 0xc8, 0xcc}  # SOF, JPEG-LS too
_SIZ = b'\xff\x4f\xff\x51'


def stream_size(data: bytes) -> Optional[Tuple[int, int]]:
    """Return (rows, columns), ``None`` if the stream does not state it.

    Args:
        data (bytes): Of a JPEG, JPEG-LS (ITU-T T.81, B.2.2; T.87, C.2.2) or JPEG 2000
            (T.800, A.5.1) stream, or a file that holds the last.
    """
    if data[:2] == b'\xff\xd8':
        return _frame_size(data)
    at = data.find(_SIZ, 0, 2**16)
    if at < 0 or at + 24 > len(data):
        return None
    right, bottom, left, top = struct.unpack_from('>4I', data, at + 8)
    return bottom - top, right - left


def _frame_size(data: bytes) -> Optional[Tuple[int, int]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xff:
        marker = data[at + 1]
        if marker == 0xff or marker in _STANDALONE:
            at += 1 if marker == 0xff else 2
            continue
        if marker in _FRAMES:
            return struct.unpack_from('>HH', data, at + 5) if at + 9 <= len(data) else None
        at += 2 + max(2, int.from_bytes(data[at + 2:at + 4], 'big'))
    return None
