"""Source images of DICOM objects."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import VR, DSfloat

from mammo_plugins.io import read_header
from mammo_plugins.io.elements import (
    code,
    describe,
    integer,
    items,
    load_dataset,
    number,
    numbers,
    read_elements,
)
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.reading import guarded
from mammo_plugins.io.reading_warnings import ReadingWarnings

from ..prediction_file import ExportError

# patient and study elements that every object of a study repeats; may be empty
IDENTITY = (
    'PatientName',
    'PatientID',
    'IssuerOfPatientID',
    'PatientBirthDate',
    'PatientSex',
    'PatientAge',
    'StudyDate',
    'StudyTime',
    'StudyID',
    'AccessionNumber',
    'ReferringPhysicianName',
    'StudyDescription',
    'PatientIdentityRemoved',
    'DeidentificationMethod',
)
_NEEDED = (
    'PatientName',
    'PatientID',
    'PatientBirthDate',
    'PatientSex',
    'StudyDate',
    'StudyTime',
    'StudyID',
    'AccessionNumber',
    'ReferringPhysicianName',
)
_UIDS = ('SOPClassUID', 'SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID')
_METHOD = 'identity left out by mammo_plugins; UIDs of the images kept'


@dataclass
class SourceImage:
    """A source image of results.

    Attributes:
        header (Dataset): Elements that highdicom copies: UIDs and size, nothing else.
        identity (dict[str, str]): Patient and study data of the file, by keyword;
            without ``keep_identity`` only a pseudonym.
        grayscale (Dataset): Display elements of the image: rescale or modality LUT,
            windows or VOI LUT.
        inverse (bool): Whether the lowest value is white (MONOCHROME1).
        spacing (tuple[float], optional): Spacing of rows and columns in mm.
        orientation (tuple[str], optional): As in
            :class:`~mammo_plugins.io.MammogramHeader`.
    """

    header: Dataset
    identity: dict[str, str]
    grayscale: Dataset
    inverse: bool
    spacing: tuple[float, float] | None
    orientation: tuple[str, str] | None


def read_source(
    path: Path, view: dict[str, Any], pseudonym: str, keep_identity: bool = False
) -> SourceImage:
    """Read the elements of an image that objects need, without its pixels.

    Args:
        path (Path): The file.
        view (dict): Its entry in the predictions.
        pseudonym (str): Replaces the patient's name and ID.
        keep_identity (bool): Whether objects repeat the header's patient data. Defaults
            to False: they state that it was removed.

    Raises:
        ExportError: If the file is not a DICOM image.
        MammogramError: If it cannot be read, is not the file read in inference, or has
            no UIDs for references.
    """
    facts = read_header(path)
    if facts.header['format'] != 'DICOM':
        raise ExportError(
            'it is a picture: there is no DICOM instance to refer to, so DICOM '
            'objects are only written for DICOM images'
        )
    warnings = ReadingWarnings()
    with guarded(path):
        shown, _ = load_dataset(path, pixels=False, warnings=warnings)
        wanted = _UIDS + ((*IDENTITY, 'SpecificCharacterSet') if keep_identity else ())
        read = read_elements(path, wanted, False, warnings)
        header = _header(read, shown, view)
        identity = _identity(read, pseudonym, keep_identity)
        luts = _grayscale(shown, warnings)
        inverse = code(shown, 'PhotometricInterpretation') == 'MONOCHROME1'
    return SourceImage(
        header, identity, luts, inverse, facts.pixel_spacing_mm, facts.orientation
    )


def _header(read: Dataset, shown: Dataset, view: dict[str, Any]) -> Dataset:
    header = Dataset()
    for keyword in _UIDS:
        uid = UID(str(read.get(keyword) or ''))
        if not uid.is_valid:
            raise Defect(
                f'its {describe(keyword)} is missing or no UID, so that nothing can refer to it; '
                'correct the header'
            )
        setattr(header, keyword, uid)
    if 'ImageStorage' not in header.SOPClassUID.keyword:
        raise Defect(
            f'its {describe("SOPClassUID")} is none of an image that DICOM knows, so that '
            'no object can refer to it; correct the header'
        )
    size = integer(shown, 'Columns'), integer(shown, 'Rows')
    if size != (view['width'], view['height']):
        raise Defect(
            f'it is {size[0]} x {size[1]} pixels (w x h), the predictions are of '
            f'{view["width"]} x {view["height"]}: another file than inference read'
        )
    header.Columns, header.Rows = size
    header.SamplesPerPixel = 1
    # highdicom reads these in enhanced images, of which one frame is used
    header.NumberOfFrames = 1
    header.SharedFunctionalGroupsSequence = [Dataset()]
    header.PerFrameFunctionalGroupsSequence = [Dataset()]
    header.SpecificCharacterSet = 'ISO_IR 192'
    for keyword in _NEEDED:
        setattr(header, keyword, '')
    return header


def _identity(read: Dataset, pseudonym: str, keep_identity: bool) -> dict[str, str]:
    """Return the elements that every object of a study repeats."""
    found = dict.fromkeys(_NEEDED, '')
    if keep_identity:
        kept = (keyword for keyword in IDENTITY if keyword in read)
        return found | {keyword: str(read[keyword].value or '') for keyword in kept}
    return found | dict(
        # readers refuse presentation states without a name
        PatientName=f'{pseudonym}^',
        PatientID=pseudonym,
        PatientIdentityRemoved='YES',
        DeidentificationMethod=_METHOD,
    )


def _grayscale(shown: Dataset, warnings: ReadingWarnings) -> Dataset:
    """Return the readable display elements in the form of a presentation state.

    As in reading, a VOI LUT takes precedence over windows, and only the first window is
    used.
    """
    found = Dataset()
    signed = shown.get('PixelRepresentation') == 1
    slope, intercept = (
        number(shown, name, warnings) for name in ('RescaleSlope', 'RescaleIntercept')
    )
    if luts := items(shown, 'ModalityLUTSequence', warnings):
        found.ModalityLUTSequence = [_explicit(luts[0], signed)]
    elif slope is not None and intercept is not None:
        found.RescaleSlope, found.RescaleIntercept = (
            _decimal(slope),
            _decimal(intercept),
        )
        found.RescaleType = 'US'
    if luts := items(shown, 'VOILUTSequence', warnings):
        voi = Dataset()
        voi.VOILUTSequence = [_explicit(luts[0], signed)]
        found.SoftcopyVOILUTSequence = [voi]
        return found
    windows = zip(
        *(numbers(shown, name, warnings) for name in ('WindowCenter', 'WindowWidth'))
    )
    function = code(shown, 'VOILUTFunction', warnings)
    for centre, width in windows:
        if math.isfinite(centre) and math.isfinite(width) and width > 0:
            voi = Dataset()
            voi.WindowCenter, voi.WindowWidth = _decimal(centre), _decimal(width)
            if function in ('LINEAR_EXACT', 'SIGMOID'):
                voi.VOILUTFunction = function
            found.SoftcopyVOILUTSequence = [voi]
            break
    return found


def _decimal(value: float) -> DSfloat:
    return DSfloat(value, auto_format=True)  # 16 characters at most


def _explicit(lut: Dataset, signed: bool) -> Dataset:
    """Return a LUT whose value types do not depend on another object."""
    lut = copy.deepcopy(lut)
    known = Dataset()
    for element in lut:
        if element.VR in (VR.US_SS, VR.US_SS_OW, VR.US_OW):
            whole = isinstance(element.value, (bytes, bytearray))
            first = signed and element.keyword == 'LUTDescriptor'
            element.VR = VR.OW if whole else VR.SS if first else VR.US
        # header texts may contain personal data
        if element.keyword in ('LUTDescriptor', 'LUTData', 'ModalityLUTType'):
            known[element.tag] = element
    if 'LUTDescriptor' in known and isinstance(known.LUTDescriptor, MultiValue):
        descriptor = [int(value) for value in known.LUTDescriptor]
        descriptor[0] %= 65536
        if not signed:
            descriptor[1] %= 65536
        known.LUTDescriptor = descriptor
    return known
