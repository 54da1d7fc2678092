"""Reading a mammogram from a DICOM file."""
import dataclasses
from pathlib import Path
from typing import Optional, Union

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID, JPEG2000TransferSyntaxes

from mammo_plugins.io.dicom_header import dicom_header
from mammo_plugins.io.elements import describe, integer, load_dataset, value
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.grayscale import display_table, stored_range
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader


def read_dicom_header(path: Union[str, Path]) -> MammogramHeader:
    """Return the facts of a DICOM file without reading its pixel data.

    Raises:
        Defect: If the file is not a usable mammogram.
    """
    return dicom_header(load_dataset(path, pixels=False))


def read_dicom(path: Union[str, Path],
               bits_stored: Optional[int] = None) -> Mammogram:
    """Read a DICOM file.

    Args:
        path (str | Path): The file.
        bits_stored (int, optional): Taken instead of BitsStored (0028,0101) where
            the header is wrong. Defaults to ``None``, the header is right.

    Raises:
        Defect: If the file is not a usable mammogram.
    """
    ds = load_dataset(path, pixels=True)
    if bits_stored is not None:
        ds.BitsStored, ds.HighBit = bits_stored, bits_stored - 1
    facts = dicom_header(ds)
    bits, signed = integer(ds, 'BitsStored'), facts.header['signed']
    if not 1 <= bits <= min(16, integer(ds, 'BitsAllocated')):
        raise Defect(f'{describe("BitsStored")} is {bits}, but 1 to 16 and no more '
                     'than BitsAllocated can be read; correct the header')
    table = display_table(ds, bits, signed)
    pixels = table[_stored_values(ds, bits, signed)]
    if pixels.min() == pixels.max():
        raise Defect('constant image: its VOI window or LUT maps every pixel to '
                     'the same level; correct the header')
    return Mammogram(pixels, **{
        field.name: getattr(facts, field.name)
        for field in dataclasses.fields(facts)
    })


def _stored_values(ds: Dataset, bits: int, signed: bool) -> np.ndarray:
    """Return (H, W) stored values counted from the lowest possible one."""
    _check_decoder(value(ds.file_meta, 'TransferSyntaxUID'))
    _check_pixel_data(ds)
    if 'SamplesPerPixel' not in ds:
        ds.SamplesPerPixel = 1  # implied by MONOCHROME1 and MONOCHROME2
    try:
        # Unused high bits are kept, so that a wrong BitsStored can be told.
        stored = pixel_array(ds, correct_unused_bits=False)
    except Exception as error:
        raise Defect(f'pixel data cannot be decoded ({type(error).__name__}, '
                     f'transfer syntax {ds.file_meta.TransferSyntaxUID.name}): the '
                     'file is damaged or cut short; copy it again from its source'
                     ) from None
    low, high = stored_range(bits, signed)
    lowest, highest = int(stored.min()), int(stored.max())
    if lowest < low or highest > high:
        raise Defect(f'stored values {lowest} to {highest} lie outside the {bits} '
                     f'bits of {describe("BitsStored")}; give bits_stored=16 if the '
                     'header is wrong')
    if lowest == highest:
        raise Defect('constant image: every pixel has the same value; leave it out')
    return stored.astype(np.int32) - low


def _check_decoder(syntax: Optional[UID]) -> None:
    """Raise ``Defect`` with the cure if a transfer syntax cannot be decoded."""
    if syntax is None:
        raise Defect('TransferSyntaxUID (0002,0010) is missing; correct the header')
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        raise Defect(f'transfer syntax {syntax.name} is not supported; convert the '
                     "file with 'gdcmconv --raw'") from None
    if not available:
        raise Defect(f'no decoder for transfer syntax {syntax.name} is installed; '
                     f'pip install {_decoder_packages(syntax)}')


def _decoder_packages(syntax: UID) -> str:
    """Return what decodes a transfer syntax, all of it under free licences."""
    if syntax in JPEG2000TransferSyntaxes:
        return 'pylibjpeg pylibjpeg-openjpeg'
    return 'python-gdcm'


def _check_pixel_data(ds: Dataset) -> None:
    """Raise ``Defect`` unless there is integer pixel data of full length."""
    if 'FloatPixelData' in ds or 'DoubleFloatPixelData' in ds:
        raise Defect('float pixel data declares no range of values and may hold '
                     'NaN; export it as integer PixelData')
    data = value(ds, 'PixelData')
    if data is None:
        raise Defect('no pixel data: the object is not an image, or the file is '
                     'cut short; copy it again from its source')
    needed = (
        integer(ds, 'Rows') * integer(ds, 'Columns') *
        integer(ds, 'BitsAllocated') // 8)
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated and len(data) < needed:
        raise Defect(f'truncated: {len(data)} of {needed} bytes of pixel data; '
                     'copy the file again from its source')
