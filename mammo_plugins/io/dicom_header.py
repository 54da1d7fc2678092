"""Facts of a mammogram's DICOM header: position, spacing and what is safe."""
import hashlib
from typing import Any, Dict, Optional, Tuple

from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_plugins.io.elements import (code, describe, integer, items, number,
                                       numbers, value)
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.grayscale import modality_kind, voi_kind
from mammo_plugins.io.mammogram import MammogramHeader

# DICOM PS3.16 CID 4014 "View for Mammography" in SNOMED CT and in the older
# SNOMED RT, with the short names of the ACR.
_VIEW_CODES = {
    '399162004': 'CC', 'R-10242': 'CC',
    '399368009': 'MLO', 'R-10226': 'MLO',
    '399260004': 'ML', 'R-10224': 'ML',
    '399352003': 'LM', 'R-10228': 'LM',
    '399099002': 'LMO', 'R-10230': 'LMO',
    '399196006': 'FB', 'R-10244': 'FB',
    '399188001': 'SIO', 'R-102D0': 'SIO',
    '441555000': 'ISO', 'R-40AAA': 'ISO',
    '399192008': 'XCCL', 'R-1024A': 'XCCL',
    '399101009': 'XCCM', 'R-1024B': 'XCCM',
    '127457009': 'SPECIMEN', 'G-8310': 'SPECIMEN',
}
_VIEWS = set(_VIEW_CODES.values()) | {'XCC'}
_LATERALITY = ('ImageLaterality', 'Laterality', 'FrameLaterality')

FACTS = ('format', 'exam_key', 'modality', 'sop_class', 'manufacturer', 'model',
         'presentation_intent', 'image_type', 'cem_image', 'contrast_agent',
         'photometric_interpretation', 'transfer_syntax', 'lossy', 'rows',
         'columns', 'bits_allocated', 'bits_stored', 'signed', 'modality_lut',
         'voi_lut', 'pixel_spacing_source', 'burned_in_annotation')


def dicom_header(ds: Dataset) -> MammogramHeader:
    """Return the facts of a mammogram's header.

    Args:
        ds (Dataset): As :func:`~mammo_plugins.io.elements.load_dataset` gives it.

    Raises:
        Defect: If the file is no single grey mammogram, or contradicts itself.
    """
    check_kind(ds)
    spacing, source = find_spacing(ds)
    facts = header_facts(ds)
    facts['pixel_spacing_source'] = source
    return MammogramHeader(find_laterality(ds), find_view(ds), spacing, facts)


def check_kind(ds: Dataset) -> None:
    """Raise ``Defect`` unless this is one grey image of modality MG."""
    modality = code(ds, 'Modality')
    if modality != 'MG':
        raise Defect(f'{describe("Modality")} is {modality or "missing"}, not MG: '
                     'no mammogram; leave the file out, or correct its header')
    frames = number(ds, 'NumberOfFrames') or 1
    if frames > 1:
        raise Defect(f'{frames:g} frames (tomosynthesis?): only single-frame '
                     'mammograms are read; export the frame or the synthetic 2-D '
                     'view you need to a file of its own')
    photometric = code(ds, 'PhotometricInterpretation')
    if photometric not in ('MONOCHROME1', 'MONOCHROME2') or number(
            ds, 'SamplesPerPixel') not in (None, 1):
        raise Defect(f'not grey but colour: {describe("PhotometricInterpretation")} is '
                     f'{photometric or "missing"}; export it as MONOCHROME2')


def header_facts(ds: Dataset) -> Dict[str, Any]:
    """Return the facts that are safe to show, under the names in ``FACTS``.

    ``exam_key`` is the first 12 hex digits of the SHA-256 of StudyInstanceUID:
    it groups the views of an exam, and only who knows that UID can link it back. ``cem_image`` is
    'low energy', 'high energy' or 'recombined' where ImageType says so (PS3.3
    C.8.11.7.1.4: LOW_ENERGY, HIGH_ENERGY, SUBTRACTION; makers also write
    RECOMBINED); ``contrast_agent`` whether one is named.

    Args:
        ds (Dataset): The header.

    Raises:
        Defect: If an element is malformed.
    """
    study = value(ds, 'StudyInstanceUID')
    meta = getattr(ds, 'file_meta', Dataset())
    syntax = value(meta, 'TransferSyntaxUID')
    sop_class = value(ds, 'SOPClassUID')
    facts = dict.fromkeys(FACTS)
    facts.update(
        format='DICOM',
        exam_key=hashlib.sha256(str(study).encode()).hexdigest()[:12]
        if study else None,
        modality=code(ds, 'Modality'),
        sop_class=UID(sop_class).name if sop_class else None,
        manufacturer=_text(ds, 'Manufacturer'),
        model=_text(ds, 'ManufacturerModelName'),
        presentation_intent=code(ds, 'PresentationIntentType'),
        image_type=[str(v) for v in _as_list(value(ds, 'ImageType'))] or None,
        cem_image=find_cem_image(ds),
        contrast_agent=value(ds, 'ContrastBolusAgent') is not None,
        photometric_interpretation=code(ds, 'PhotometricInterpretation'),
        transfer_syntax=UID(syntax).name if syntax else None,
        lossy=code(ds, 'LossyImageCompression') == '01',
        rows=integer(ds, 'Rows'),
        columns=integer(ds, 'Columns'),
        bits_allocated=integer(ds, 'BitsAllocated'),
        bits_stored=integer(ds, 'BitsStored'),
        signed=integer(ds, 'PixelRepresentation') == 1,
        modality_lut=modality_kind(ds),
        voi_lut=voi_kind(ds),
        burned_in_annotation={'YES': True, 'NO': False}.get(
            code(ds, 'BurnedInAnnotation')))
    return facts


def find_cem_image(ds: Dataset) -> Optional[str]:
    """Return which image of a contrast-enhanced pair this is, if it says so."""
    terms = {str(v).strip().upper() for v in _as_list(value(ds, 'ImageType'))}
    if terms & {'SUBTRACTION', 'RECOMBINED'}:
        return 'recombined'
    if 'LOW_ENERGY' in terms:
        return 'low energy'
    return 'high energy' if 'HIGH_ENERGY' in terms else None


def find_laterality(ds: Dataset) -> Optional[str]:
    """Return 'L' or 'R', ``None`` if the header states neither.

    Raises:
        Defect: If two elements contradict each other.
    """
    stated = {k: code(ds, k) for k in _LATERALITY if code(ds, k) in ('L', 'R')}
    if len(set(stated.values())) > 1:
        found = ', '.join(f'{describe(k)} is {v}' for k, v in stated.items())
        raise Defect(f'conflicting laterality: {found}; look at the image and '
                     'correct the header')
    return next(iter(stated.values()), None)


def find_view(ds: Dataset) -> Optional[str]:
    """Return the view's code, ``None`` if the header states none.

    ViewPosition comes first, then ViewCodeSequence, then a literal 'CC' or 'MLO'
    in PatientOrientation, which is where CBIS-DDSM keeps it.

    Raises:
        Defect: If the first two say CC and MLO.
    """
    position = code(ds, 'ViewPosition')
    coded = next((_VIEW_CODES[c] for c in (
        code(item, 'CodeValue') for item in items(ds, 'ViewCodeSequence'))
        if c in _VIEW_CODES), None)
    if {position, coded} == {'CC', 'MLO'}:
        raise Defect(f'conflicting view: {describe("ViewPosition")} is {position}, '
                     f'{describe("ViewCodeSequence")} says {coded}; look at the '
                     'image and correct the header')
    if position in _VIEWS:
        return position
    if coded:
        return coded
    orientation = code(ds, 'PatientOrientation')
    return orientation if orientation in ('CC', 'MLO') else None


def find_spacing(
    ds: Dataset
) -> Tuple[Optional[Tuple[float, float]], Optional[str]]:
    """Return the pixel spacing in mm (row, column) and the element it is from.

    Lengths are wanted in the breast, not on the detector. PixelSpacing is taken
    first where it is calibrated to the breast: alone, different from
    ImagerPixelSpacing, or with a calibration type (PS3.3 10.7.1.3). Otherwise it
    is ImagerPixelSpacing, on the detector, divided by
    EstimatedRadiographicMagnificationFactor if there is one. Last comes
    NominalScannedPixelSpacing of digitised film. A spacing that is not two
    positive numbers counts as unknown.

    Args:
        ds (Dataset): The header.
    """
    pixel, imager, scanned = (_spacing(ds, k) for k in (
        'PixelSpacing', 'ImagerPixelSpacing', 'NominalScannedPixelSpacing'))
    calibrated = pixel != imager or code(ds, 'PixelSpacingCalibrationType')
    if pixel and calibrated:
        return pixel, 'PixelSpacing'
    if imager:
        factor = number(ds, 'EstimatedRadiographicMagnificationFactor')
        if factor is None or factor <= 0:
            return imager, 'ImagerPixelSpacing'
        return ((imager[0] / factor, imager[1] / factor),
                'ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor')
    return scanned, 'NominalScannedPixelSpacing' if scanned else None


def _spacing(ds: Dataset, keyword: str) -> Optional[Tuple[float, float]]:
    found = numbers(ds, keyword)
    if len(found) != 2 or min(found) <= 0:
        return None
    return found[0], found[1]


def _text(ds: Dataset, keyword: str) -> Optional[str]:
    found = value(ds, keyword)
    return str(found).strip() or None if found is not None else None


def _as_list(found: Any) -> list:
    if found is None:
        return []
    return [found] if isinstance(found, str) else list(found)
