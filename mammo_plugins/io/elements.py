"""Safe access to the white-listed elements of a DICOM data set.

Nothing outside the white list is ever parsed, so a patient's name, birth date or
ID cannot reach a header, a warning or an error. Elements that distinguish patients are
hashed as they are read and removed from the data set at once
(:mod:`~mammo_plugins.io.identity`).

The readers of optional elements take ``warnings``. With it, an element that cannot be
read counts as absent and is noted there; without it, it is a ``Defect``.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import MediaStorageDirectoryStorage

from mammo_plugins.io.bounded_file import BoundedFile, count_sequence
from mammo_plugins.io.decimals import read_decimal
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.identity import IDENTITY_ELEMENTS, Identity, take_identity
from mammo_plugins.io.known_terms import shown_number
from mammo_plugins.io.reading_warnings import ReadingWarnings

_FACTS = [
    'SOPClassUID',
    'StudyInstanceUID',
    'Modality',
    'Manufacturer',
    'ManufacturerModelName',
    'PresentationIntentType',
    'ImageType',
    'LossyImageCompression',
    'ContrastBolusAgent',
    'BurnedInAnnotation',
    'PartialView',
    'PartialViewCodeSequence',
    'BreastImplantPresent',
    'PositionerType',
    'PaddleDescription',
    'FrameType',
    'QualityControlImage',
    'DistanceSourceToDetector',
    'DistanceSourceToPatient',
]
_POSITION = [
    'ImageLaterality',
    'Laterality',
    'FrameLaterality',
    'ViewPosition',
    'ViewCodeSequence',
    'ViewModifierCodeSequence',
    'PatientOrientation',
    'FrameAnatomySequence',
]
_SPACING = [
    'ImagerPixelSpacing',
    'PixelSpacing',
    'PixelSpacingCalibrationType',
    'NominalScannedPixelSpacing',
    'EstimatedRadiographicMagnificationFactor',
    'PixelMeasuresSequence',
    'XRayGeometrySequence',
]
_STORED = [
    'Rows',
    'Columns',
    'NumberOfFrames',
    'SamplesPerPixel',
    'PhotometricInterpretation',
    'BitsAllocated',
    'BitsStored',
    'HighBit',
    'PixelRepresentation',
    'PlanarConfiguration',
    'PixelPaddingValue',
    'PixelPaddingRangeLimit',
]
_GREYSCALE = [
    'ModalityLUTSequence',
    'RescaleSlope',
    'RescaleIntercept',
    'PixelValueTransformationSequence',
    'VOILUTSequence',
    'WindowCenter',
    'WindowWidth',
    'VOILUTFunction',
    'FrameVOILUTSequence',
    'PresentationLUTShape',
]
_GROUPS = ['SharedFunctionalGroupsSequence', 'PerFrameFunctionalGroupsSequence']
_MACROS = [
    'FrameAnatomySequence',
    'PixelMeasuresSequence',
    'XRayGeometrySequence',
    'PixelValueTransformationSequence',
    'FrameVOILUTSequence',
]
_PIXELS = ['PixelData', 'FloatPixelData', 'DoubleFloatPixelData']
# (60xx,0102), the pixel bit that contains an overlay in old files
OVERLAY_BIT_POSITIONS = [0x60000102 + (group << 16) for group in range(0, 0x20, 2)]

WHITE_LIST = _FACTS + _POSITION + _SPACING + _STORED + _GREYSCALE + _GROUPS + _PIXELS


def load_dataset(
    path: str | Path, pixels: bool, warnings: ReadingWarnings
) -> tuple[Dataset, Identity]:
    """Read the white-listed elements of a DICOM file.

    Args:
        path (str | Path): The file; it may lack the preamble and group 2.
        pixels (bool): Whether to read the pixel data too.
        warnings (ReadingWarnings): Receives a missing preamble.

    Returns:
        tuple: Data set, with the functional groups of a single-frame enhanced object
        moved to the top level, where a classic object has them; and the hashed
        identity.

    Raises:
        Defect: If the file cannot be parsed.
    """
    try:
        ds = read_elements(
            path,
            [*WHITE_LIST, *OVERLAY_BIT_POSITIONS, *IDENTITY_ELEMENTS],
            pixels,
            warnings,
        )
        identity = take_identity(ds)
    except (Defect, MemoryError):
        raise
    except Exception as error:
        raise Defect(
            f'cannot be parsed as DICOM ({type(error).__name__}): the file is '
            'damaged or cut short; copy it again from its source'
        ) from None
    if (
        value(ds.file_meta, 'MediaStorageSOPClassUID', ReadingWarnings())
        == MediaStorageDirectoryStorage
    ):
        raise Defect(
            'a DICOMDIR, which lists other files; leave it out, or read it with mammo index'
        )
    if not len(ds):  # pydicom's result for a truncated compressed file
        raise Defect(
            'no element can be read: the file is damaged or cut short; '
            'copy it again from its source'
        )
    _flatten_functional_groups(ds, warnings)
    return ds, identity


def read_elements(
    path: str | Path, tags: Sequence[str | int], pixels: bool, warnings: ReadingWarnings
) -> Dataset:
    """Read some elements of a DICOM file within the reading limits.

    Args:
        path (str | Path): The file.
        tags (Sequence[str | int]): The elements; no other is parsed.
        pixels (bool): Whether to read the pixel data too.
        warnings (ReadingWarnings): Receives a missing preamble.

    Raises:
        Exception: Any, if the file cannot be parsed; pydicom has many.
    """
    with open(path, 'rb') as file:
        return pydicom.dcmread(
            BoundedFile(_with_preamble(file, warnings)),
            force=True,
            specific_tags=[Tag(tag) for tag in tags],
            stop_before_pixels=not pixels,
        )


def _with_preamble(file: BinaryIO, warnings: ReadingWarnings) -> BinaryIO:
    """Return the input for pydicom: the file, or its bytes after a lone 'DICM'."""
    start = file.read(132)
    if start[128:] == b'DICM':
        return file
    warnings.add('no DICOM preamble', 'read as DICOM without it')
    if start[:4] != b'DICM':
        return file
    file.seek(0)
    return io.BytesIO(bytes(128) + file.read())


def _flatten_functional_groups(ds: Dataset, warnings: ReadingWarnings) -> None:
    for group in _GROUPS:
        for macro in _MACROS:
            for item in items(first_item(ds, group, warnings), macro, warnings)[:1]:
                for keyword in _FACTS + _POSITION + _SPACING + _GREYSCALE:
                    if keyword in item and not texts(ds, keyword):
                        ds[Tag(keyword)] = item.get_item(keyword)


def describe(keyword: str) -> str:
    """Return an element's name as errors show it, 'Modality (0008,0060)'."""
    tag = Tag(keyword)
    return f'{keyword} ({tag.group:04X},{tag.element:04X})'


def value(ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None) -> Any:
    """Return the value of an element, ``None`` if it is absent or empty.

    Raises:
        Defect: If the element's bytes are not a value of its type, without
            ``warnings``.
    """
    _count_items(ds, keyword)
    try:
        found = ds.get(keyword)
    except Exception:
        if warnings is None:
            raise Defect(
                f'{describe(keyword)} is malformed; correct the header'
            ) from None
        warnings.add(
            'element that cannot be read',
            f'{describe(keyword)} is malformed, treated as absent',
        )
        return None
    if found is None or (hasattr(found, '__len__') and len(found) == 0):
        return None
    return found


def _count_items(ds: Dataset, keyword: str) -> None:
    """Raise ``Defect`` if an element is a sequence with too many items."""
    element = ds.get_item(keyword)
    if isinstance(element, RawDataElement):
        count_sequence(element)


def code(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> str | None:
    """Return the first value of a text element in capitals, ``None`` if blank."""
    found = codes(ds, keyword, warnings)
    return found[0] or None if found else None


def codes(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> list[str]:
    """Return all values of a text element in capitals."""
    found = value(ds, keyword, warnings)
    if found is None:
        return []
    if isinstance(found, bytes):  # text with a VR of bytes
        found = found.decode('latin-1').strip('\0').split('\\')
    if isinstance(found, str) or not hasattr(found, '__iter__'):
        found = [found]
    return [str(text).strip().upper() for text in found]


def texts(ds: Dataset, keyword: str) -> list[str]:
    """Return the values of a numeric text element as written."""
    element = ds.get_item(keyword)
    if element is None or element.value is None or element.value == '':
        return []
    found = element.value
    if isinstance(found, bytes):
        text = found.decode('ascii', 'replace').strip(' \0')
        return text.split('\\') if text else []
    if isinstance(element, RawDataElement):
        return [str(found)]
    if isinstance(found, (str, bytes)) or not hasattr(found, '__iter__'):
        found = [found]
    return [str(text) for text in found]


def numbers(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> list[float]:
    """Return the values of a numeric element, an empty list if it is absent.

    A comma within a number is its decimal sign. With ``warnings``, a value that is not
    a finite number becomes NaN.

    Raises:
        Defect: If a value is not a finite number, without ``warnings``.
    """
    _count_items(ds, keyword)
    try:
        found = ds.get(keyword)
        if found is None or (hasattr(found, '__len__') and len(found) == 0):
            return []
        if isinstance(found, (str, bytes)) or not hasattr(found, '__iter__'):
            found = [found]
        result = [float(number) for number in found]
        if isinstance(found[0], bytes):
            raise ValueError
        if all(math.isfinite(number) for number in result):
            return result
    except Exception:  # pydicom and its element classes raise many kinds
        pass
    if warnings is None:
        raise Defect(
            f'{describe(keyword)} holds something that is not a finite '
            'number; correct the header'
        )
    result = [read_decimal(text) for text in texts(ds, keyword)] or [math.nan]
    if all(math.isfinite(number) for number in result):
        warnings.add(
            'decimal comma',
            f'{describe(keyword)}, read as '
            + ', '.join(
                shown_number(each, -999, 999, 'a large number') for each in result[:4]
            ),
        )
    else:
        warnings.add(
            'element that cannot be read',
            f'{describe(keyword)} holds something that is not a finite number, '
            'treated as absent',
        )
    return result


def number(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> float | None:
    """Return the first value of a numeric element, ``None`` if it is absent."""
    found = numbers(ds, keyword, warnings)
    return found[0] if found and math.isfinite(found[0]) else None


def integer(ds: Dataset, keyword: str) -> int:
    """Return a required 16-bit integer.

    Raises:
        Defect: If the element is absent or not such a number.
    """
    found = number(ds, keyword)
    if found is None or found not in range(2**16):
        raise Defect(
            f'{describe(keyword)} is '
            f'{"missing" if found is None else "not a whole number of 16 bits"}'
            '; correct the header'
        )
    return int(found)


def items(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> list[Dataset]:
    """Return the items of a sequence, an empty list if it is absent.

    Raises:
        Defect: If it is not a sequence, without ``warnings``.
    """
    found = value(ds, keyword, warnings)
    if found is None:
        return []
    if not isinstance(found, pydicom.Sequence):
        if warnings is None:
            raise Defect(f'{describe(keyword)} is not a sequence; correct the header')
        warnings.add(
            'element that cannot be read',
            f'{describe(keyword)} is not a sequence, treated as absent',
        )
        return []
    return list(found)


def first_item(
    ds: Dataset, keyword: str, warnings: ReadingWarnings | None = None
) -> Dataset:
    """Return the first item of a sequence, an empty one if there is none."""
    found = items(ds, keyword, warnings)
    return found[0] if found else Dataset()
