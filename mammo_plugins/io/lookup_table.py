"""Lookup tables of the modality and VOI LUT (DICOM PS3.3 C.11.1.1 and C.11.2.1.1)."""

import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from mammo_plugins.io.elements import describe, numbers, value
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.known_terms import FARTHEST_SHOWN, shown_number
from mammo_plugins.io.reading_warnings import ReadingWarnings

_DEPTHS = (8, 10, 12, 14, 16)


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A usable lookup table.

    Attributes:
        entries (np.ndarray): (N,) float64.
        first_mapped (int): The input value of the first entry.
        bits (int): Depth of the entries.
    """

    entries: np.ndarray
    first_mapped: int
    bits: int

    @property
    def highest(self) -> int:
        """int: The largest entry that the depth allows."""
        return 2**self.bits - 1

    def look_up(self, values: np.ndarray) -> np.ndarray:
        """Return the entries for values; values outside get the nearest entry."""
        index = np.clip(values - self.first_mapped, 0, len(self.entries) - 1)
        return self.entries[index.astype(np.int64)]


def read_lookup_table(
    item: Dataset,
    sequence: str,
    value_range: tuple[float, float],
    warnings: ReadingWarnings,
) -> LookupTable:
    """Read an item of a LUT sequence; if its descriptor disagrees, the data counts.

    Args:
        item (Dataset): The item.
        sequence (str): Its sequence, for messages.
        value_range (tuple[float]): Lowest and highest input value.
        warnings (ReadingWarnings): Receives a descriptor that disagrees.

    Raises:
        Defect: If no two entries differ, or the descriptor does not state where they
            begin.
    """
    descriptor = numbers(item, 'LUTDescriptor', warnings)[:3]
    where = f'{describe("LUTDescriptor")} of {sequence}'
    if len(descriptor) < 2 or not all(map(math.isfinite, descriptor)):
        raise Defect(f'{where} does not state entries and first value')
    stated = int(descriptor[0]) % 2**16 or 2**16  # 16 bits; 0 stands for 65,536
    entries = _entries(item, stated)
    if len(entries) < 2 or np.ptp(entries) == 0:
        raise Defect(
            f'{describe("LUTData")} of {sequence} does not hold two entries that differ'
        )

    def disagree(what: str) -> None:
        warnings.add('LUT descriptor that disagrees with its data', f'{where} {what}')

    if len(entries) != stated:
        disagree(f'states {stated} entries, {len(entries)} are there and used')
    first_mapped = int(descriptor[1])
    low, high = value_range
    if low < 0 and first_mapped >= 2**15 and first_mapped > high:
        first_mapped -= 2**16  # a negative number stored in an unsigned element
    if low >= 0 and first_mapped < 0:
        shown = shown_number(first_mapped, -FARTHEST_SHOWN, -1)
        disagree(
            f'states a first value of unsigned pixels below 0 ({shown}), read as '
            'that plus 65536'
        )
        first_mapped += 2**16
    bits, known = _depth(descriptor, entries, sequence)
    if not known:
        shown = shown_number(descriptor[2], 0, 64) if len(descriptor) > 2 else 'none'
        disagree(f'states as bits an entry {shown}, read as {bits}')
    return LookupTable(entries, first_mapped, bits)


def _depth(descriptor: list, entries: np.ndarray, sequence: str) -> tuple[int, bool]:
    """Return the bits per entry, and whether the descriptor agrees."""
    needed = next(depth for depth in _DEPTHS if entries.max() < 2**depth)
    bits = int(descriptor[2]) if len(descriptor) > 2 else 0
    if not 8 <= bits <= 16 or entries.max() >= 2**bits:
        return needed, False
    # A VOI LUT ends near white; one that stops below a quarter of it would be black.
    if sequence == 'VOILUTSequence' and entries.max() < 2**bits / 4:
        return needed, False
    return bits, True


def _entries(item: Dataset, stated: int) -> np.ndarray:
    data = value(item, 'LUTData')
    if data is None:
        return np.zeros(0)
    if not isinstance(data, bytes):
        return np.asarray(numbers(item, 'LUTData')) % 2**16
    if len(data) - stated in (0, 1):  # one byte each, perhaps padded
        return np.frombuffer(data, np.uint8)[:stated].astype(np.float64)
    order = '>' if item.original_encoding[1] is False else '<'
    return np.frombuffer(data[: len(data) // 2 * 2], f'{order}u2').astype(np.float64)
