"""What every file must come to, whatever it holds."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.io import MammogramError, read_header, read_mammogram

from .harness import Fault


def examine(path: Path) -> str:
    """Read a file's header and pixels, print all that is told of it, and check it.

    Returns:
        str: 'read', 'header only' or 'refused'.

    Raises:
        Fault: If the result is not finite, or the readers contradict each other.
    """
    header, pixels = _told(read_header, path), _told(read_mammogram, path)
    if pixels is None:
        return 'refused' if header is None else 'header only'
    if header is None:
        raise Fault('readers differ', 'pixels are read of a file whose header is not')
    for name in ('laterality', 'view', 'pixel_spacing_mm', 'orientation'):
        one, other = getattr(header, name), getattr(pixels, name)
        if one != other:
            raise Fault('readers differ', f'{name}: {one} and {other}')
    image = pixels.pixels
    if (
        image.dtype != np.float32
        or image.ndim != 2
        or not (0 <= image.min() < image.max() <= 1)
    ):  # NaN is neither
        raise Fault(
            'not finite',
            f'pixels {image.dtype} {image.shape} {image.min()} to {image.max()}',
        )
    if image.shape != (pixels.header['rows'], pixels.header['columns']):
        raise Fault('not finite', f'{image.shape} pixels, but the facts say otherwise')
    return 'read'


def _told(reader: Any, path: Path) -> Any:
    try:
        result = reader(path)
    except MammogramError as error:
        reason = error.reason
        if '\n' in reason or len(reason) > 400 or not reason.isprintable():
            raise Fault('no one line', reason) from None
        print(reason)
        return None
    print(repr(result), result.warnings)
    for name, number in _numbers('', [result.header, result.pixel_spacing_mm]):
        if not math.isfinite(number) or abs(number) > 1e9:
            raise Fault('not finite', f'{name}: {number}')
    spacing = result.pixel_spacing_mm
    if spacing and not all(0.005 <= length <= 5 for length in spacing):
        raise Fault('not finite', f'spacing {spacing}')
    return result


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _numbers(key, each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _numbers(name, each)
    elif isinstance(value, (int, float)):
        yield name, value


def examine_bytes(path: Path, data: bytes) -> str:
    """As :func:`examine`, of a file that is there meanwhile."""
    path.write_bytes(data)
    try:
        return examine(path)
    finally:
        path.unlink()
