"""DICOM's greyscale pipeline, from stored values to levels as displayed.

The order is that of DICOM PS3.4 annex N.2: stored values, modality LUT (PS3.3
C.11.1), VOI LUT (C.11.2), presentation LUT shape (C.11.6) and the photometric
interpretation (C.7.6.3.1.2). Stored values have at most 16 bits, so the pipeline
is computed once for a table of all of them, and the image is looked up in it.
"""

import math
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from scipy.special import expit

from mammo_plugins.io.elements import code, describe, items, number, numbers, value
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.known_terms import FARTHEST_SHOWN, shown_number
from mammo_plugins.io.lookup_table import LookupTable, read_lookup_table
from mammo_plugins.io.reading_warnings import ReadingWarnings

_WINDOWS = ('LINEAR', 'LINEAR_EXACT', 'SIGMOID')
_LEAST_STEP = 1e-100  # between levels, far below any unit
_FAINTEST = 1 / 64  # a choice that maps all possible values within this is broken


def stored_range(bits: int, signed: bool) -> tuple[int, int]:
    """Return the lowest and highest value that ``bits`` bits can store."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def display_table(
    ds: Dataset,
    bits: int,
    signed: bool,
    warnings: ReadingWarnings | None = None,
    seen: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the displayed level of every stored value.

    The levels are scaled by the range that the header declares, never by the values in
    the image, so equal exposures stay equal.

    A LUT or window that cannot be used is replaced by the next one in the header, or by
    the whole declared range if none is left.

    Args:
        ds (Dataset): The header; only its greyscale elements are used.
        bits (int): Bits stored, 1 to 16.
        signed (bool): Whether stored values are two's complement.
        warnings (ReadingWarnings, optional): Receives what could not be used.
        seen (tuple[int], optional): Least and largest stored value of the image; a
            choice that maps all values between them to one level cannot be used.
            Defaults to ``None``, unknown.

    Returns:
        np.ndarray: (2**bits,) float32 in [0, 1]; entry 0 belongs to the lowest
        stored value; dense tissue is bright. Padding (C.7.5.1.1.2) is 0.
    """
    warnings = ReadingWarnings() if warnings is None else warnings
    return display(ds, bits, signed, warnings, seen)[0]


def display(
    ds: Dataset,
    bits: int,
    signed: bool,
    warnings: ReadingWarnings,
    seen: tuple[int, int] | None = None,
) -> tuple[np.ndarray, str | None]:
    """Return the table of :func:`display_table` and the VOI that was applied.

    Args:
        ds, bits, signed, warnings, seen: As in :func:`display_table`.

    Returns:
        tuple: The table, and 'LUT', a window's function or ``None``.
    """
    low, high = stored_range(bits, signed)
    stored = np.arange(low, high + 1, dtype=np.float64)
    shown = None if seen is None else slice(seen[0] - low, seen[1] - low + 1)
    values, value_range = _apply_modality(ds, stored, shown, warnings)
    kind, levels = _apply_voi(ds, values, value_range, shown, warnings)
    shape = code(ds, 'PresentationLUTShape', warnings)
    if shape not in (None, 'IDENTITY', 'INVERSE'):
        warnings.add(
            'unknown presentation LUT shape',
            f'{describe("PresentationLUTShape")} is not used',
        )
    if code(ds, 'PhotometricInterpretation') == 'MONOCHROME1' or shape == 'INVERSE':
        levels = 1 - levels  # only once: MONOCHROME1 images state INVERSE as well
    levels[_padding(ds, stored, shown, warnings)] = 0
    return np.clip(levels, 0, 1).astype(np.float32), kind


def modality_kind(ds: Dataset, warnings: ReadingWarnings | None = None) -> str | None:
    """Return the modality transform: 'LUT', 'rescale' or ``None``."""
    # a LUT's faults are reported where it is applied to values whose range is known
    if _modality_lut(ds, (0, 2**16 - 1), ReadingWarnings()):
        return 'LUT'
    if (
        value(ds, 'RescaleSlope', warnings) is None
        and value(ds, 'RescaleIntercept', warnings) is None
    ):
        return None
    return 'rescale'


def voi_kind(
    ds: Dataset, bits: int, signed: bool, warnings: ReadingWarnings
) -> str | None:
    """Return the VOI transform: 'LUT', a window's function or ``None``.

    A LUT takes precedence over a window because the manufacturer designed it.

    Args:
        ds (Dataset), bits (int), signed (bool): As in :func:`display_table`.
        warnings (ReadingWarnings): Receives what could not be used.
    """
    if not 1 <= bits <= 16:
        return None  # reported when the pixels are read
    return display(ds, bits, signed, warnings)[1]


def _modality_lut(
    ds: Dataset, value_range: tuple[float, float], warnings: ReadingWarnings
) -> LookupTable | None:
    return next(_usable_luts(ds, 'ModalityLUTSequence', value_range, warnings), None)


def _usable_luts(
    ds: Dataset,
    sequence: str,
    value_range: tuple[float, float],
    warnings: ReadingWarnings,
) -> Iterator[LookupTable]:
    for item in items(ds, sequence, warnings):
        try:
            yield read_lookup_table(item, sequence, value_range, warnings)
        except Defect as defect:
            warnings.add('LUT that cannot be used', defect)


def _apply_modality(
    ds: Dataset, stored: np.ndarray, shown: slice | None, warnings: ReadingWarnings
) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the values after the modality LUT and their declared range."""
    lut = _modality_lut(ds, (stored[0], stored[-1]), warnings)
    if lut is not None:
        values = lut.look_up(stored)
        if shown is None or np.ptp(values[shown]) > 0:
            return values, (0, lut.highest)
        warnings.add(
            'LUT that cannot be used',
            "the entries that ModalityLUTSequence has for the image's values are equal",
        )
    slope = number(ds, 'RescaleSlope', warnings)
    if slope == 0:
        warnings.add(
            'rescale slope 0',
            f'{describe("RescaleSlope")} would make every pixel equal, treated as 1',
        )
    with np.errstate(over='ignore', invalid='ignore'):
        values = stored * (slope or 1.0) + (
            number(ds, 'RescaleIntercept', warnings) or 0.0
        )
        steps = np.abs(np.diff(values))
    # at the edge of float64, or where the intercept swallows the slope
    if not (_LEAST_STEP < steps.min() <= steps.max() < 1 / _LEAST_STEP):
        warnings.add(
            'rescale that cannot be used',
            f'{describe("RescaleSlope")} and {describe("RescaleIntercept")} make '
            'all levels equal: not used',
        )
        values = stored
    return values, (min(values[0], values[-1]), max(values[0], values[-1]))


def _apply_voi(
    ds: Dataset,
    values: np.ndarray,
    value_range: tuple[float, float],
    shown: slice | None,
    warnings: ReadingWarnings,
) -> tuple[str | None, np.ndarray]:
    """Return the kind and the levels in [0, 1] of the first usable LUT or window.

    Args:
        ds (Dataset), warnings (ReadingWarnings): As in :func:`display_table`.
        values (np.ndarray): (N,) all values after the modality LUT.
        value_range (tuple[float]): Their declared range.
        shown (slice, optional): The slice of ``values`` that the image spans, ``None``
            if unknown.
    """
    low, high = value_range
    offered = bool(
        numbers(ds, 'WindowCenter', warnings) or numbers(ds, 'WindowWidth', warnings)
    )

    def differ(levels: np.ndarray) -> bool:
        return shown is None or bool(
            np.ptp(levels[shown].astype(np.float32)) > 0 and np.ptp(levels) > _FAINTEST
        )

    for lut in _usable_luts(ds, 'VOILUTSequence', value_range, warnings):
        levels = lut.look_up(np.rint(values)) / lut.highest
        if differ(levels):
            return 'LUT', levels
        warnings.add(
            'LUT that cannot be used',
            "the entries that VOILUTSequence has for the image's values are equal",
        )
    for center, width, function in _windows(ds, warnings):
        try:
            levels = apply_window(values, center, width, function)
        except Defect as defect:
            warnings.add('window that cannot be used', defect)
            continue
        if differ(levels):
            return function, levels
        warnings.add(
            'window that cannot be used',
            f'{describe("WindowCenter")} is {_shown(center)} and '
            f'{describe("WindowWidth")} is {_shown(width)}, which maps all the '
            "image's values to one level",
        )
    if offered or items(ds, 'VOILUTSequence', warnings):
        warnings.add(
            'no VOI LUT or window can be used', 'the whole declared range is shown'
        )
    return None, (values - low) / (high - low)


def _windows(ds: Dataset, warnings: ReadingWarnings) -> list[tuple[float, float, str]]:
    """Return (centre, width, function) of each window in the header."""
    centers = numbers(ds, 'WindowCenter', warnings)
    widths = numbers(ds, 'WindowWidth', warnings)
    if len(centers) != len(widths):
        warnings.add(
            'window that cannot be used',
            f'{describe("WindowCenter")} has {len(centers)} values, '
            f'{describe("WindowWidth")} {len(widths)}: they come in pairs',
        )
    function = code(ds, 'VOILUTFunction', warnings) or 'LINEAR'
    if function not in _WINDOWS:
        warnings.add(
            'unknown VOI LUT function',
            f'{describe("VOILUTFunction")} is none of {", ".join(_WINDOWS)}; '
            'treated as LINEAR',
        )
        function = 'LINEAR'
    return [
        (center, width, function)
        for center, width in zip(centers, widths)
        if math.isfinite(center) and math.isfinite(width)
    ]


def _shown(of_window: float) -> str:
    return shown_number(of_window, -FARTHEST_SHOWN, FARTHEST_SHOWN)


def apply_window(
    values: np.ndarray, center: float, width: float, function: str
) -> np.ndarray:
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
        raise Defect(
            f'{describe("WindowWidth")} is {_shown(width)}, but {function} '
            f'needs {least}; correct the header'
        )
    if function == 'SIGMOID':
        with np.errstate(over='ignore'):  # to infinity, which is 0 or 1
            return expit(4 * (values - center) / width)
    if function == 'LINEAR':
        center, width = center - 0.5, width - 1
    if width == 0:  # LINEAR of width 1 is a threshold
        return (values > center).astype(np.float64)
    with np.errstate(over='ignore'):
        return np.clip((values - center) / width + 0.5, 0, 1)


def _padding(
    ds: Dataset, stored: np.ndarray, shown: slice | None, warnings: ReadingWarnings
) -> np.ndarray:
    """Return where stored values are padding, which is not tissue."""
    first = number(ds, 'PixelPaddingValue', warnings)
    other = number(ds, 'PixelPaddingRangeLimit', warnings)
    if first is None:
        return np.zeros(len(stored), bool)
    limits = [first] if other is None else [first, other]
    if stored[0] < 0:  # a negative number kept in an unsigned element
        limits = [v - 2**16 if v >= 2**15 else v for v in limits]
    padding = (stored >= min(limits)) & (stored <= max(limits))
    if shown is not None and padding[shown].all():
        warnings.add(
            'padding that covers the image',
            f'{describe("PixelPaddingValue")} is not used',
        )
        return np.zeros(len(stored), bool)
    return padding
