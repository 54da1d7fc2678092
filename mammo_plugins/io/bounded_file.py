"""A file wrapper that keeps pydicom from reading a DICOM file endlessly."""

import struct
import zlib
from typing import BinaryIO

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from mammo_plugins.io.errors import Defect
from mammo_plugins.io.limits import budget

_HEADER = 8  # bytes that every element and item begins with
_LONG = {vr.encode() for vr in EXPLICIT_VR_LENGTH_32}
_UNDEFINED = 2**32 - 1
_PART = 2**15  # bytes decompressed at once, to at most 1032 times as many


class BoundedFile:
    """A file whose elements are counted as they are read.

    Args:
        file (BinaryIO): The file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = file.seek(0, 2)
        file.seek(0)
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        """Read bytes, never more than exist, whatever an element's length states."""
        if size < 0:  # pydicom is about to decompress
            data = self._file.read()
            _check_deflated(data)
            return data
        if size == _HEADER:
            budget().add_items()
        elif size > _HEADER:
            size = max(0, min(size, self._end - self._file.tell()))
        return self._file.read(size)


def _check_deflated(packed: bytes) -> None:
    unpacker, length = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        for start in range(0, len(packed), _PART):
            length += len(unpacker.decompress(packed[start : start + _PART]))
            budget().check_bytes(length)
            budget().check_time()
        data = zlib.decompress(packed, -zlib.MAX_WBITS)
    except zlib.error:
        raise Defect(
            'cannot be unpacked (deflated transfer syntax): the file is '
            'damaged; copy it again from its source'
        ) from None
    _count(data, implicit=False, order='<')


def count_sequence(element: RawDataElement) -> None:
    """Count a sequence's content before pydicom creates objects from it.

    Args:
        element (RawDataElement): The raw element; elements other than sequences pass.

    Raises:
        Defect: If it contains more than ``ReadingLimits.items``.
    """
    may_be = element.VR == 'SQ' or (
        element.VR in (None, 'UN') and _is_sequence(element.tag)
    )
    if may_be and isinstance(element.value, bytes):
        _count(
            element.value,
            element.is_implicit_VR,
            '<' if element.is_little_endian else '>',
        )


def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == 'SQ'
    except KeyError:
        return False


def _count(data: bytes, implicit: bool, order: str) -> None:
    """Count elements and items, including those of nested sequences."""
    head = struct.Struct(f'{order}HHI')
    left, at, end = budget(), 0, len(data) - _HEADER
    while at <= end:
        left.add_items()
        group, number, length = head.unpack_from(data, at)
        vr = b'' if implicit else data[at + 4 : at + 6]
        at += _HEADER
        if group == 0xFFFE:  # an item or its end: its content comes next
            continue
        if vr in _LONG:
            if at > end + 4:
                return
            (length,) = struct.unpack_from(f'{order}I', data, at)
            at += 4
        elif vr.isalpha():
            (length,) = struct.unpack_from(f'{order}H', data, at - 2)
        if (
            length != _UNDEFINED
            and vr != b'SQ'
            and not (implicit and _is_sequence(group << 16 | number))
        ):
            at += length
