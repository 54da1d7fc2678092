"""Reading one mammogram, whatever its format."""
from pathlib import Path
from typing import Optional, Union

import cv2
import numpy as np
import pydicom
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from mammo_plugins.io.errors import MammogramError
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader

_PATH = Union[str, Path]


def read_mammogram(path: _PATH, *, bits_stored: Optional[int] = None) -> Mammogram:
    """Read a mammogram (basic version).

    Args:
        path (str | Path): DICOM file or picture.
        bits_stored (int, optional): Depth of a picture.

    Returns:
        Mammogram: Pixels as displayed and facts of the header.

    Raises:
        MammogramError: If the file is not a usable mammogram.
    """
    if not Path(path).is_file():
        raise MammogramError(path, 'no such file')
    with open(path, 'rb') as file:
        if file.read(132)[128:] == b'DICM':
            return _read_dicom(path)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        raise MammogramError(path, 'not a grey picture')
    if bits_stored is None:
        highest = int(image.max())
        bits_stored = next(b for b in (8, 10, 12, 14, 16) if highest < 2**b)
    return Mammogram((image / (2**bits_stored - 1)).astype(np.float32))


def read_header(path: _PATH) -> MammogramHeader:
    """Read the facts of a mammogram (basic version)."""
    mammogram = read_mammogram(path)
    return MammogramHeader(mammogram.laterality, mammogram.view,
                           mammogram.pixel_spacing_mm, mammogram.header)


def _read_dicom(path: _PATH) -> Mammogram:
    ds = pydicom.dcmread(path)
    values = apply_modality_lut(ds.pixel_array, ds)
    low, high = 0, 2**ds.BitsStored - 1
    if ds.get('VOILUTSequence'):
        high = 2**ds.VOILUTSequence[0].LUTDescriptor[2] - 1
    pixels = (apply_voi_lut(values, ds).astype(float) - low) / (high - low)
    if ds.PhotometricInterpretation == 'MONOCHROME1':
        pixels = 1 - pixels
    spacing = ds.get('ImagerPixelSpacing') or ds.get('PixelSpacing')
    return Mammogram(
        pixels.clip(0, 1).astype(np.float32),
        ds.get('ImageLaterality') or ds.get('Laterality') or None,
        ds.get('ViewPosition') or None,
        tuple(float(s) for s in spacing) if spacing else None)
