"""DICOM's greyscale pipeline, from stored values to levels as displayed.

The order is that of DICOM PS3.4 annex N.2: stored values, modality LUT (PS3.3
C.11.1), VOI LUT (C.11.2), presentation LUT shape (C.11.6) and the photometric
interpretation (C.7.6.3.1.2). Stored values have at most 16 bits, so the pipeline
runs on a table of all of them, once, and the image is looked up in it.
"""
from typing import Optional, Tuple

import numpy as np
from pydicom.dataset import Dataset
from scipy.special import expit

from mammo_plugins.io.elements import (code, describe, first_item, items, number,
                                       numbers, value)
from mammo_plugins.io.errors import Defect

_WINDOWS = ('LINEAR', 'LINEAR_EXACT', 'SIGMOID')


def stored_range(bits: int, signed: bool) -> Tuple[int, int]:
    """Return the lowest and highest value that ``bits`` bits can store."""
    return (-2**(bits - 1), 2**(bits - 1) - 1) if signed else (0, 2**bits - 1)


def display_table(ds: Dataset, bits: int, signed: bool) -> np.ndarray:
    """Return the displayed level of every stored value.

    The levels are scaled by the range the header declares, never by the values
    an image happens to hold, so equal exposures stay equal.

    Args:
        ds (Dataset): The header; only its greyscale elements are used.
        bits (int): Bits stored, 1 to 16.
        signed (bool): Whether stored values are two's complement.

    Returns:
        np.ndarray: (2**bits,) float32 in [0, 1]; entry 0 belongs to the lowest
        stored value; dense tissue is bright. Padding (C.7.5.1.1.2) is 0.

    Raises:
        Defect: If an element of the pipeline is malformed.
    """
    low, high = stored_range(bits, signed)
    stored = np.arange(low, high + 1, dtype=np.float64)
    values, value_range = _apply_modality(ds, stored)
    levels = _apply_voi(ds, values, value_range)
    if (code(ds, 'PhotometricInterpretation') == 'MONOCHROME1'
            or code(ds, 'PresentationLUTShape') == 'INVERSE'):
        levels = 1 - levels  # once: MONOCHROME1 images carry INVERSE as well
    levels[_padding(ds, stored)] = 0
    return np.clip(levels, 0, 1).astype(np.float32)


def modality_kind(ds: Dataset) -> Optional[str]:
    """Return the modality transform: 'LUT', 'rescale' or ``None``."""
    if items(ds, 'ModalityLUTSequence'):
        return 'LUT'
    if value(ds, 'RescaleSlope') is None and value(ds, 'RescaleIntercept') is None:
        return None
    return 'rescale'


def voi_kind(ds: Dataset) -> Optional[str]:
    """Return the VOI transform: 'LUT', a window's function or ``None``.

    A LUT is taken before a window: the maker of the image drew it by hand.
    """
    if items(ds, 'VOILUTSequence'):
        return 'LUT'
    if not numbers(ds, 'WindowCenter') and not numbers(ds, 'WindowWidth'):
        return None
    function = code(ds, 'VOILUTFunction') or 'LINEAR'
    if function not in _WINDOWS:
        raise Defect(f'{describe("VOILUTFunction")} is none of '
                     f'{", ".join(_WINDOWS)}; correct the header')
    return function


def _apply_modality(
        ds: Dataset,
        stored: np.ndarray) -> Tuple[np.ndarray, Tuple[float, float]]:
    """Return the values after the modality LUT and their declared range."""
    kind = modality_kind(ds)
    if kind == 'LUT':
        table, first_mapped, bits = _read_lut(ds, 'ModalityLUTSequence',
                                              stored[0] < 0)
        return _look_up(stored, table, first_mapped), (0, 2**bits - 1)
    if kind is None:
        return stored, (stored[0], stored[-1])
    slope = number(ds, 'RescaleSlope')
    slope = 1.0 if slope is None else slope
    if slope == 0:
        raise Defect(f'{describe("RescaleSlope")} is 0, which makes every pixel '
                     'equal; correct the header')
    values = stored * slope + (number(ds, 'RescaleIntercept') or 0.0)
    return values, (min(values[0], values[-1]), max(values[0], values[-1]))


def _apply_voi(ds: Dataset, values: np.ndarray,
               value_range: Tuple[float, float]) -> np.ndarray:
    """Return the levels in [0, 1] after the first VOI LUT or window."""
    kind = voi_kind(ds)
    low, high = value_range
    if kind is None:
        return (values - low) / (high - low)
    if kind == 'LUT':
        table, first_mapped, bits = _read_lut(ds, 'VOILUTSequence', low < 0)
        return _look_up(np.rint(values), table, first_mapped) / (2**bits - 1)
    center, width = number(ds, 'WindowCenter'), number(ds, 'WindowWidth')
    if center is None or width is None:
        raise Defect(f'{describe("WindowCenter")} and {describe("WindowWidth")} '
                     'come in pairs and one is missing; correct the header')
    return apply_window(values, center, width, kind)


def apply_window(values: np.ndarray, center: float, width: float,
                 function: str) -> np.ndarray:
    """Apply a VOI window (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values (np.ndarray): Values after the modality LUT, any shape.
        center (float): Window centre c.
        width (float): Window width w.
        function (str): 'LINEAR', 'LINEAR_EXACT' or 'SIGMOID'.

    Returns:
        np.ndarray: Levels in [0, 1], float64.

    Raises:
        Defect: If the width is below 1 (LINEAR) or not above 0 (the others).
    """
    least = '1 or more' if function == 'LINEAR' else 'above 0'
    if width <= 0 or (function == 'LINEAR' and width < 1):
        raise Defect(f'{describe("WindowWidth")} is {width:g}, but {function} '
                     f'needs {least}; correct the header')
    if function == 'SIGMOID':
        return expit(4 * (values - center) / width)
    if function == 'LINEAR':
        center, width = center - 0.5, width - 1
    if width == 0:  # LINEAR of width 1 is a threshold
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _read_lut(ds: Dataset, sequence: str,
              signed_input: bool) -> Tuple[np.ndarray, int, int]:
    """Return the first LUT's entries, first mapped value and bits per entry."""
    item = first_item(ds, sequence)
    descriptor = [int(number) for number in numbers(item, 'LUTDescriptor')]
    if len(descriptor) != 3:
        raise Defect(f'{describe("LUTDescriptor")} of {sequence} has '
                     f'{len(descriptor)} of 3 values; correct the header')
    entries = descriptor[0] % 2**16 or 2**16  # 16 bits; 0 stands for 65,536
    first_mapped, bits = descriptor[1:]
    if signed_input and first_mapped >= 2**15:
        first_mapped -= 2**16  # a negative number kept in an unsigned element
    if not 8 <= bits <= 16:
        raise Defect(f'{describe("LUTDescriptor")} of {sequence} states {bits} '
                     'bits an entry, but 8 to 16 are allowed; correct the header')
    table = _lut_entries(item, entries, bits)
    if len(table) < entries:
        raise Defect(f'{describe("LUTData")} of {sequence} holds {len(table)} of '
                     f'the {entries} entries its LUTDescriptor states; correct '
                     'the header')
    table = table[:entries].astype(np.float64)
    if table.min() < 0 or table.max() > 2**bits - 1:
        raise Defect(f'{describe("LUTData")} of {sequence} holds entries outside '
                     f'the {bits} bits its LUTDescriptor states; correct the header')
    return table, first_mapped, bits


def _lut_entries(item: Dataset, entries: int, bits: int) -> np.ndarray:
    data = value(item, 'LUTData')
    if not isinstance(data, bytes):
        return np.asarray(numbers(item, 'LUTData'))
    if bits == 8 and len(data) - entries in (0, 1):  # one byte each, perhaps padded
        return np.frombuffer(data, np.uint8)
    order = '>' if item.original_encoding[1] is False else '<'
    return np.frombuffer(data[:len(data) // 2 * 2], f'{order}u2')


def _look_up(values: np.ndarray, table: np.ndarray,
             first_mapped: int) -> np.ndarray:
    index = np.clip(values - first_mapped, 0, len(table) - 1)
    return table[index.astype(np.int64)]


def _padding(ds: Dataset, stored: np.ndarray) -> np.ndarray:
    """Return where stored values are padding, which is no tissue at all."""
    limits = numbers(ds, 'PixelPaddingValue')[:1]
    if not limits:
        return np.zeros(len(stored), bool)
    limits += numbers(ds, 'PixelPaddingRangeLimit')[:1]
    if stored[0] < 0:  # a negative number kept in an unsigned element
        limits = [v - 2**16 if v >= 2**15 else v for v in limits]
    return (stored >= min(limits)) & (stored <= max(limits))
