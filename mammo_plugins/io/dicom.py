"""Reading a mammogram from a DICOM file."""

import dataclasses
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    RLELossless,
)

from mammo_plugins.io.breast_check import shows_breast
from mammo_plugins.io.codestreams import check_jpeg, stream_size
from mammo_plugins.io.dicom_header import dicom_header
from mammo_plugins.io.elements import (
    OVERLAY_BIT_POSITIONS,
    code,
    describe,
    integer,
    load_dataset,
    number,
    value,
)
from mammo_plugins.io.errors import Defect, is_panic
from mammo_plugins.io.grayscale import display, stored_range
from mammo_plugins.io.known_terms import shown_number, uid_name
from mammo_plugins.io.limits import budget
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader
from mammo_plugins.io.reading_warnings import ReadingWarnings

_ROWS = 16  # so many at a time stay in the processor's cache


def read_dicom_header(path: str | Path) -> MammogramHeader:
    """Return the facts of a DICOM file without reading its pixel data.

    Raises:
        Defect: If the file is not a usable mammogram.
    """
    warnings = ReadingWarnings()
    return dicom_header(*load_dataset(path, pixels=False, warnings=warnings), warnings)


def read_dicom(path: str | Path, bits_stored: int | None = None) -> Mammogram:
    """Read a DICOM file.

    Args:
        path (str | Path): The file.
        bits_stored (int, optional): Used instead of BitsStored (0028,0101) if the
            header is wrong. Defaults to ``None``, the header's value.

    Raises:
        Defect: If the file is not a usable mammogram.
    """
    size = Path(path).stat().st_size
    if size > budget().limits.bytes:
        read_dicom_header(path)  # a tomosynthesis is reported by its frames
    budget().check_bytes(size)
    warnings = ReadingWarnings()
    ds, identity = load_dataset(path, pixels=True, warnings=warnings)
    if bits_stored is not None:
        ds.BitsStored, ds.HighBit = bits_stored, bits_stored - 1
    facts = dicom_header(ds, identity, warnings)
    bits, signed = integer(ds, 'BitsStored'), facts.header['signed']
    if integer(ds, 'PixelRepresentation') not in (0, 1):
        raise Defect(
            f'{describe("PixelRepresentation")} is neither 0 nor 1; correct the header'
        )
    if not 1 <= bits <= min(16, integer(ds, 'BitsAllocated')):
        raise Defect(
            f'{describe("BitsStored")} is {bits}, but 1 to 16 and no more '
            'than BitsAllocated can be read; correct the header'
        )
    stored = _stored_values(ds, bits, signed, warnings)
    low, _ = stored_range(bits, signed)
    seen = int(stored.min()), int(stored.max())
    table, facts.header['voi_lut'] = display(ds, bits, signed, warnings, seen)
    pixels = _look_up(table, stored, low)
    if pixels.min() == pixels.max():
        raise Defect(
            'constant image: its LUT or padding shows every pixel at the same '
            'level; correct the header'
        )
    if facts.header['modality'] is None and not shows_breast(pixels):
        raise Defect(
            f'{describe("Modality")} is missing and the pixels show no breast at '
            'one side of the image: not a mammogram; leave the file out, or '
            'write MG into its header'
        )
    known = {
        field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)
    }
    return Mammogram(pixels, **{**known, 'warnings': tuple(warnings)})


def _stored_values(
    ds: Dataset, bits: int, signed: bool, warnings: ReadingWarnings
) -> np.ndarray:
    """Return the stored values, (H, W) integers."""
    stored = decode(ds, warnings)
    stored = _without_other_bits(ds, stored, bits, signed, warnings)
    low, high = stored_range(bits, signed)
    lowest, highest = int(stored.min()), int(stored.max())
    if lowest < low or highest > high:
        raise Defect(
            f'stored values {lowest} to {highest} lie outside the {bits} '
            f'bits of {describe("BitsStored")}; give bits_stored=16 if the '
            'header is wrong'
        )
    if lowest == highest:
        raise Defect('constant image: every pixel has the same value; leave it out')
    return stored


def _look_up(table: np.ndarray, stored: np.ndarray, low: int) -> np.ndarray:
    """Return (H, W) float32 levels of stored values; ``low`` is the table's first."""
    levels = np.empty(stored.shape, np.float32)
    for top in range(0, len(stored), _ROWS):
        rows = stored[top : top + _ROWS]
        if low:
            rows = rows.astype(np.int32) - low
        # none is outside; the mode that raises on such values makes a copy first
        table.take(rows, out=levels[top : top + _ROWS], mode='clip')
    return levels


def decode(ds: Dataset, warnings: ReadingWarnings) -> np.ndarray:
    """Return the stored values of one grey image with unused bits kept.

    Args:
        ds (Dataset): The data set; its pixel elements are replaced by the values used.
        warnings (ReadingWarnings): Receives a missing transfer syntax.

    Returns:
        np.ndarray: (H, W) integers.

    Raises:
        Defect: If they cannot be decoded.
    """
    _find_transfer_syntax(ds, warnings)
    syntax = value(ds.file_meta, 'TransferSyntaxUID')
    _check_decoder(syntax)
    _check_pixel_data(ds)
    for keyword in (
        'Rows',
        'Columns',
        'BitsAllocated',
        'BitsStored',
        'PixelRepresentation',
    ):
        ds.add_new(keyword, 'US', integer(ds, keyword))
    ds.add_new('SamplesPerPixel', 'US', 1)
    ds.add_new('NumberOfFrames', 'IS', 1)
    ds.add_new('PhotometricInterpretation', 'CS', code(ds, 'PhotometricInterpretation'))
    if 'PlanarConfiguration' in ds:
        del ds.PlanarConfiguration
    budget().check_pixels(ds.Rows, ds.Columns)
    budget().check_time()
    try:
        if syntax.is_encapsulated:
            _check_stream(ds, get_frame(ds.PixelData, 0, number_of_frames=1))
        # Unused high bits are kept, so that a wrong BitsStored can be detected.
        stored = pixel_array(
            ds,
            correct_unused_bits=False,
            view_only=True,
            decoding_plugin=_plugin(syntax),
        )
    except BaseException as error:
        if isinstance(error, (Defect, MemoryError)) or not (
            isinstance(error, Exception) or is_panic(error)
        ):
            raise
        raise Defect(
            f'pixel data cannot be decoded ({type(error).__name__}, '
            f'transfer syntax {uid_name(syntax)}): the file is damaged or cut '
            'short; copy it again from its source'
        ) from None
    if stored.shape != (ds.Rows, ds.Columns):
        raise Defect(
            'its pixel data does not have the size Rows x Columns: the file is '
            'damaged; copy it again from its source'
        )
    return stored


def _plugin(syntax: UID) -> str:
    """Return the only decoder to use; no other one is tried if it fails.

    For RLE it is the Python decoder: the Rust one panics, and prints it, if damage
    makes a segment longer. GDCM comes last: it aborts the process on some damaged
    streams.
    """
    if not syntax.is_encapsulated or syntax == RLELossless:
        return 'pydicom' if syntax.is_encapsulated else ''
    return min(get_decoder(syntax).available_plugins, key=lambda name: name == 'gdcm')


def _check_stream(ds: Dataset, frame: bytes) -> None:
    """Raise ``Defect`` if compressed pixels differ from the stated size."""
    rows, columns = ds.Rows, ds.Columns
    if ds.file_meta.TransferSyntaxUID == RLELossless:
        # a run takes at most two bytes per byte it encodes, and headers 64
        if len(frame) > 2 * rows * columns * ds.BitsAllocated // 8 + 2**10:
            raise Defect(
                'its RLE data is longer than its pixels: the file is damaged; '
                'copy it again from its source'
            )
        return
    if frame[:2] == b'\xff\xd8':
        check_jpeg(frame)
    if stream_size(frame) not in (None, (rows, columns)):
        raise Defect(
            'its compressed pixels do not have the size Rows x Columns: the file '
            'is damaged; copy it again from its source'
        )


def _without_other_bits(
    ds: Dataset, stored: np.ndarray, bits: int, signed: bool, warnings: ReadingWarnings
) -> np.ndarray:
    """Move pixels to the lowest bits and clear bits that contain an overlay.

    Old files (PS3.5 until 2014) keep pixels in the upper bits of a word, up to
    HighBit, or one-bit overlays (60xx,0102) in those that pixels leave free.
    """
    stored = stored.astype(stored.dtype.newbyteorder('='), copy=False)
    allocated = stored.dtype.itemsize * 8
    words = stored.view(f'u{stored.dtype.itemsize}')
    low, high = stored_range(bits, signed)
    shift = _bits_below(
        ds, bits, allocated, words, stored.max() > high or stored.min() < low, warnings
    )
    overlays = {
        position - shift for position in _overlay_positions(ds, warnings)
    } - set(range(bits))
    if not shift and not overlays:
        return stored
    words = words >> shift
    if overlays:
        warnings.add(
            'overlay in the bits above the pixels',
            'OverlayBitPosition (60xx,0102): taken off the pixels',
        )
        for position in overlays & set(range(bits, allocated)):
            words = words & ~np.array(1 << position, words.dtype)
    if signed:
        # The sign of the remaining value is in the highest stored bit.
        sign = words >> (bits - 1) & 1
        above = np.array((2**allocated - 1) ^ (2**bits - 1), words.dtype)
        words = np.where(sign == 1, words | above, words & ~above)
        return words.astype(words.dtype).view(f'i{stored.dtype.itemsize}')
    return words


def _overlay_positions(ds: Dataset, warnings: ReadingWarnings) -> list[int]:
    positions: list[int] = []
    for tag in OVERLAY_BIT_POSITIONS:
        try:
            positions += [int(ds[tag].value)] if tag in ds else []
        except Exception:  # pydicom and int raise many kinds
            warnings.add(
                'element that cannot be read',
                'OverlayBitPosition (60xx,0102) is malformed, treated as absent',
            )
    return positions


def _bits_below(
    ds: Dataset,
    bits: int,
    allocated: int,
    words: np.ndarray,
    outside: bool,
    warnings: ReadingWarnings,
) -> int:
    """Return by how many bits the pixels are shifted above the lowest one."""
    high_bit = number(ds, 'HighBit', warnings)
    if high_bit is None or high_bit == bits - 1:
        return 0
    where = (
        f'{describe("HighBit")} is {shown_number(high_bit, -1, 64)}, of {bits} '
        'bits stored'
    )
    # a damaged number may be huge, so compute no power of two from it
    shift = int(high_bit) + 1 - bits if 0 <= high_bit < allocated else 0
    unused = int(np.bitwise_or.reduce(words, axis=None)) & (2 ** max(shift, 0) - 1) == 0
    # shifted pixels fill their own range, not only a quarter of it
    high_enough = int(words.max()) >> max(shift, 0) >= 2**bits // 4
    if 0 < shift <= allocated - bits and (outside or unused and high_enough):
        warnings.add('pixels in the upper bits', f'{where}: moved down by {shift}')
        return shift
    warnings.add('HighBit that disagrees with the pixels', f'{where}: not used')
    return 0


def _find_transfer_syntax(ds: Dataset, warnings: ReadingWarnings) -> None:
    """Add the missing transfer syntax of an uncompressed file."""
    if not hasattr(ds, 'file_meta'):
        ds.file_meta = FileMetaDataset()
    if value(ds.file_meta, 'TransferSyntaxUID') is not None:
        return
    implicit, little = ds.original_encoding
    ds.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian
        if implicit
        else ExplicitVRLittleEndian
        if little
        else ExplicitVRBigEndian
    )
    warnings.add(
        'no transfer syntax',
        'TransferSyntaxUID (0002,0010) is missing, treated as uncompressed',
    )
    data = value(ds, 'PixelData')
    if isinstance(data, bytes) and data[:4] == b'\xfe\xff\x00\xe0':
        raise Defect(
            'TransferSyntaxUID (0002,0010) is missing, and the pixel data is '
            'compressed in a way that only it can identify; copy the file again '
            'from its source'
        )


def _check_decoder(syntax: UID) -> None:
    """Raise ``Defect`` with the remedy if a transfer syntax cannot be decoded."""
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        raise Defect(
            f'transfer syntax {uid_name(syntax)} is not supported; '
            'have its source export it as Explicit VR Little Endian'
        ) from None
    if not available:
        raise Defect(
            f'no decoder for transfer syntax {uid_name(syntax)} is installed; '
            f'pip install {_decoder_packages(syntax)}'
        )


def _decoder_packages(syntax: UID) -> str:
    """Return the packages that decode a transfer syntax, all under free licences."""
    if syntax in JPEG2000TransferSyntaxes:
        return 'pylibjpeg pylibjpeg-openjpeg'
    return 'python-gdcm'


def _check_pixel_data(ds: Dataset) -> None:
    """Raise ``Defect`` unless the file has integer pixel data of full length."""
    if 'FloatPixelData' in ds or 'DoubleFloatPixelData' in ds:
        raise Defect(
            'float pixel data declares no range of values and may hold '
            'NaN; export it as integer PixelData'
        )
    data = value(ds, 'PixelData')
    if data is None:
        raise Defect(
            'no pixel data: the object is not an image, or the file is '
            'cut short; copy it again from its source'
        )
    needed = (
        integer(ds, 'Rows') * integer(ds, 'Columns') * integer(ds, 'BitsAllocated') // 8
    )
    if ds.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    if len(data) < needed:
        raise Defect(
            f'truncated: {len(data)} of {needed} bytes of pixel data, which '
            'cannot be decoded; copy the file again from its source'
        )
    if len(data) >= 2 * needed:
        raise Defect(
            f'{len(data)} bytes of pixel data, {needed} are one frame: only '
            'single-frame mammograms are read'
        )
