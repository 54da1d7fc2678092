"""Safe access to the white-listed elements of a DICOM data set.

Nothing outside the white list is ever parsed, so a patient's name, birth date or
ID cannot reach a header, a warning or an error.
"""
import math
from pathlib import Path
from typing import Any, List, Optional, Union

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from mammo_plugins.io.errors import Defect

_FACTS = [
    'SOPClassUID', 'StudyInstanceUID', 'Modality', 'Manufacturer',
    'ManufacturerModelName', 'PresentationIntentType', 'ImageType',
    'LossyImageCompression', 'ContrastBolusAgent', 'BurnedInAnnotation'
]
_POSITION = [
    'ImageLaterality', 'Laterality', 'FrameLaterality', 'ViewPosition',
    'ViewCodeSequence', 'PatientOrientation', 'FrameAnatomySequence'
]
_SPACING = [
    'ImagerPixelSpacing', 'PixelSpacing', 'PixelSpacingCalibrationType',
    'NominalScannedPixelSpacing', 'EstimatedRadiographicMagnificationFactor',
    'PixelMeasuresSequence'
]
_STORED = [
    'Rows', 'Columns', 'NumberOfFrames', 'SamplesPerPixel',
    'PhotometricInterpretation', 'BitsAllocated', 'BitsStored', 'HighBit',
    'PixelRepresentation', 'PlanarConfiguration', 'PixelPaddingValue',
    'PixelPaddingRangeLimit'
]
_GREYSCALE = [
    'ModalityLUTSequence', 'RescaleSlope', 'RescaleIntercept',
    'PixelValueTransformationSequence', 'VOILUTSequence', 'WindowCenter',
    'WindowWidth', 'VOILUTFunction', 'FrameVOILUTSequence',
    'PresentationLUTShape'
]
_GROUPS = [
    'SharedFunctionalGroupsSequence', 'PerFrameFunctionalGroupsSequence'
]
_MACROS = [
    'FrameAnatomySequence', 'PixelMeasuresSequence',
    'PixelValueTransformationSequence', 'FrameVOILUTSequence'
]
_PIXELS = ['PixelData', 'FloatPixelData', 'DoubleFloatPixelData']

WHITE_LIST = (
    _FACTS + _POSITION + _SPACING + _STORED + _GREYSCALE + _GROUPS + _PIXELS)


def load_dataset(path: Union[str, Path], pixels: bool) -> Dataset:
    """Read the white-listed elements of a DICOM file.

    Args:
        path (str | Path): The file.
        pixels (bool): Whether to read the pixel data too.

    Returns:
        Dataset: With the functional groups of a single-frame enhanced object
        brought to the top level, where a classic object has them.

    Raises:
        Defect: If the file cannot be parsed.
    """
    try:
        ds = pydicom.dcmread(
            path, specific_tags=WHITE_LIST, stop_before_pixels=not pixels)
    except Exception as error:
        raise Defect(
            f'cannot be parsed as DICOM ({type(error).__name__}): the file is '
            'damaged or cut short; copy it again from its source') from None
    if not len(ds):  # what pydicom makes of a compressed file without its end
        raise Defect('no element can be read: the file is damaged or cut short; '
                     'copy it again from its source')
    _flatten_functional_groups(ds)
    return ds


def _flatten_functional_groups(ds: Dataset) -> None:
    for group in _GROUPS:
        for macro in _MACROS:
            for item in items(first_item(ds, group), macro)[:1]:
                for keyword in _POSITION + _SPACING + _GREYSCALE:
                    if keyword in item and keyword not in ds:
                        ds[keyword] = item[keyword]


def describe(keyword: str) -> str:
    """Return an element's name as errors show it, 'Modality (0008,0060)'."""
    tag = tag_for_keyword(keyword)
    return f'{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})'


def value(ds: Dataset, keyword: str) -> Any:
    """Return the value of an element, ``None`` if it is absent or empty.

    Raises:
        Defect: If the element's bytes are no value of its type.
    """
    try:
        found = ds.get(keyword)
    except Exception:
        raise Defect(
            f'{describe(keyword)} is malformed; correct the header') from None
    if found is None or (hasattr(found, '__len__') and len(found) == 0):
        return None
    return found


def first(ds: Dataset, keyword: str) -> Any:
    """Return the first of an element's values, ``None`` if there is none."""
    found = value(ds, keyword)
    if isinstance(found, (list, tuple, pydicom.multival.MultiValue)):
        return found[0]
    return found


def code(ds: Dataset, keyword: str) -> Optional[str]:
    """Return the first value of a text element in capitals, ``None`` if blank."""
    found = first(ds, keyword)
    return str(found).strip().upper() or None if found is not None else None


def numbers(ds: Dataset, keyword: str) -> List[float]:
    """Return the values of a numeric element, an empty list if it is absent.

    Raises:
        Defect: If a value is not a finite number.
    """
    found = value(ds, keyword)
    if found is None:
        return []
    if isinstance(found, (str, bytes)) or not hasattr(found, '__iter__'):
        found = [found]
    try:
        result = [float(number) for number in found]
    except (TypeError, ValueError):
        result = [math.nan]
    if not all(math.isfinite(number) for number in result):
        raise Defect(f'{describe(keyword)} holds something that is not a finite '
                     'number; correct the header')
    return result


def number(ds: Dataset, keyword: str) -> Optional[float]:
    """Return the first value of a numeric element, ``None`` if it is absent."""
    found = numbers(ds, keyword)
    return found[0] if found else None


def integer(ds: Dataset, keyword: str) -> int:
    """Return a whole number the file must state.

    Raises:
        Defect: If the element is absent or no whole number.
    """
    found = number(ds, keyword)
    if found is None or found != int(found):
        raise Defect(f'{describe(keyword)} is '
                     f'{"missing" if found is None else "not a whole number"}; '
                     'correct the header')
    return int(found)


def items(ds: Dataset, keyword: str) -> List[Dataset]:
    """Return the items of a sequence, an empty list if it is absent."""
    found = value(ds, keyword)
    if found is None:
        return []
    if not isinstance(found, pydicom.Sequence):
        raise Defect(f'{describe(keyword)} is not a sequence; correct the header')
    return list(found)


def first_item(ds: Dataset, keyword: str) -> Dataset:
    """Return the first item of a sequence, an empty one if there is none."""
    found = items(ds, keyword)
    return found[0] if found else Dataset()
