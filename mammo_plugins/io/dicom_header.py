"""Facts from a mammogram's DICOM header: position, spacing and safe elements."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from mammo_plugins.io.decimals import read_lengths
from mammo_plugins.io.elements import (
    code,
    codes,
    describe,
    integer,
    items,
    number,
    numbers,
    texts,
    value,
)
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.grayscale import modality_kind, voi_kind
from mammo_plugins.io.identity import Identity
from mammo_plugins.io.image_kind import (
    LARGEST_FACTOR,
    find_image_kind,
    item_codes,
    sop_class_of,
)
from mammo_plugins.io.known_terms import (
    INTENTS,
    LATERALITIES,
    MODALITIES,
    PHOTOMETRIC,
    POSITIONS,
    image_type,
    maker,
    model,
    quoted,
    shown,
    shown_number,
    uid_name,
)
from mammo_plugins.io.limits import budget
from mammo_plugins.io.mammogram import MammogramHeader
from mammo_plugins.io.reading_warnings import ReadingWarnings

# DICOM PS3.16 CID 4014 "View for Mammography" in SNOMED CT and in the older
# SNOMED RT, with the short names of the ACR.
_VIEW_CODES = {
    '399162004': 'CC',
    'R-10242': 'CC',
    '399368009': 'MLO',
    'R-10226': 'MLO',
    '399260004': 'ML',
    'R-10224': 'ML',
    '399352003': 'LM',
    'R-10228': 'LM',
    '399099002': 'LMO',
    'R-10230': 'LMO',
    '399196006': 'FB',
    'R-10244': 'FB',
    '399188001': 'SIO',
    'R-102D0': 'SIO',
    '441555000': 'ISO',
    'R-40AAA': 'ISO',
    '399192008': 'XCCL',
    'R-1024A': 'XCCL',
    '399101009': 'XCCM',
    'R-1024B': 'XCCM',
    '127457009': 'SPECIMEN',
    'G-8310': 'SPECIMEN',
}
_DEPTHS = {'BitsAllocated': 'bits_allocated', 'BitsStored': 'bits_stored'}
_MOST_BITS = 64  # of pixels of any kind
_VIEWS = set(_VIEW_CODES.values()) | {'XCC'}
_LATERALITY = ('ImageLaterality', 'Laterality', 'FrameLaterality')
_SIDED = '([LR])[ _-]?(CC|MLO)'  # a non-standard ViewPosition such as RMLO

FACTS = (
    'format',
    'exam_key',
    'modality',
    'sop_class',
    'manufacturer',
    'model',
    'presentation_intent',
    'image_type',
    'image_kind',
    'breast_implant',
    'cem_image',
    'contrast_agent',
    'photometric_interpretation',
    'transfer_syntax',
    'lossy',
    'rows',
    'columns',
    'bits_allocated',
    'bits_stored',
    'signed',
    'modality_lut',
    'voi_lut',
    'pixel_spacing_source',
    'burned_in_annotation',
)


def dicom_header(
    ds: Dataset, identity: Identity, warnings: ReadingWarnings
) -> MammogramHeader:
    """Return the facts of a mammogram's header.

    Args:
        ds (Dataset), identity (Identity): As returned by
            :func:`~mammo_plugins.io.elements.load_dataset`.
        warnings (ReadingWarnings): Receives faults that do not cost the image.

    Raises:
        Defect: If the file is not a single grey mammogram.
    """
    check_kind(ds, warnings)
    spacing, source = find_spacing(ds, warnings)
    facts = header_facts(ds, warnings)
    facts['pixel_spacing_source'] = source
    laterality, view = find_laterality(ds, warnings), find_view(ds, warnings)
    return MammogramHeader(
        laterality,
        view,
        spacing,
        facts,
        find_orientation(ds, warnings),
        tuple(warnings),
        identity,
    )


# SOP classes that a file without Modality may have
_SOP_CLASSES = (
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    SecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)


def check_kind(ds: Dataset, warnings: ReadingWarnings) -> None:
    """Raise ``Defect`` unless the file is one grey image that may be a mammogram."""
    modality, sop_class = code(ds, 'Modality', warnings), sop_class_of(ds, warnings)
    if modality not in (None, 'MG'):
        raise Defect(
            f'{describe("Modality")} is {shown(modality, MODALITIES)}, not MG: '
            'not a mammogram; leave the file out, or correct its header'
        )
    if sop_class is None:
        warnings.add('no SOP class', f'{describe("SOPClassUID")} is missing')
    if modality is None:
        if sop_class not in (None, *_SOP_CLASSES):
            raise Defect(
                f'{describe("SOPClassUID")} is {uid_name(sop_class)}, and '
                f'{describe("Modality")} is missing: not a mammogram; leave the '
                'file out, or correct its header'
            )
        warnings.add('no Modality', f'{describe("Modality")} is missing, treated as MG')
    frames = number(ds, 'NumberOfFrames', warnings) or 1
    if frames > 1:
        many = shown_number(frames, 2, 2000, 'too many')
        raise Defect(
            f'{many} frames (tomosynthesis?): only single-frame mammograms '
            'are read; export the frame or the synthetic 2-D view you need to '
            'a file of its own'
        )
    photometric = code(ds, 'PhotometricInterpretation', warnings)
    samples = number(ds, 'SamplesPerPixel', warnings)
    if photometric in ('MONOCHROME1', 'MONOCHROME2') and samples not in (None, 1):
        raise Defect(
            f'{describe("SamplesPerPixel")} is {shown_number(samples, 0, 4)}, '
            'but one grey value a pixel can be read; correct the header'
        )
    if photometric is None:
        raise Defect(
            f'{describe("PhotometricInterpretation")} is missing: the header '
            'is not that of an image, or cut short; copy the file again from '
            'its source'
        )
    if photometric not in ('MONOCHROME1', 'MONOCHROME2'):
        raise Defect(
            f'not grey but colour: {describe("PhotometricInterpretation")} is '
            f'{shown(photometric, PHOTOMETRIC)}; export it as MONOCHROME2'
        )


def header_facts(ds: Dataset, warnings: ReadingWarnings) -> dict[str, Any]:
    """Return the facts that are safe to show, by the names in ``FACTS``.

    ``exam_key`` is the first 12 hex digits of the SHA-256 of StudyInstanceUID:
    it groups the views of an exam, and only those who know that UID can link it back.
    ``image_kind`` is that of :func:`~mammo_plugins.io.image_kind.find_image_kind`.
    ``cem_image`` is 'low energy', 'high energy' or 'recombined' where ImageType states
    it (PS3.3 C.8.11.7.1.4: LOW_ENERGY, HIGH_ENERGY, SUBTRACTION; makers also write
    RECOMBINED); ``contrast_agent`` is whether one is named.

    Args:
        ds (Dataset): The header.
        warnings (ReadingWarnings): Receives optional elements that cannot be read.

    Raises:
        Defect: If an element that the pixels need is malformed.
    """
    study = value(ds, 'StudyInstanceUID', warnings)
    if not re.fullmatch(r'\d+(\.\d+)+', str(study)) or set(str(study)) <= set('0.'):
        study = None  # a placeholder, such as 0
    meta = getattr(ds, 'file_meta', Dataset())
    syntax = value(meta, 'TransferSyntaxUID')
    sop_class = sop_class_of(ds, warnings)
    intent = code(ds, 'PresentationIntentType', warnings)
    facts: dict[str, Any] = dict.fromkeys(FACTS)
    yes_no: dict[str | None, bool] = {'YES': True, 'NO': False}
    facts.update(
        format='DICOM',
        exam_key=hashlib.sha256(str(study).encode()).hexdigest()[:12]
        if study
        else None,
        modality=code(ds, 'Modality', warnings),
        sop_class=uid_name(sop_class),
        manufacturer=maker(code(ds, 'Manufacturer', warnings)),
        model=model(code(ds, 'ManufacturerModelName', warnings)),
        presentation_intent=intent and shown(intent, INTENTS),
        image_type=image_type(codes(ds, 'ImageType', warnings)) or None,
        image_kind=find_image_kind(ds, warnings),
        breast_implant=yes_no.get(code(ds, 'BreastImplantPresent', warnings)),
        cem_image=find_cem_image(ds, warnings),
        contrast_agent=value(ds, 'ContrastBolusAgent', warnings) is not None,
        photometric_interpretation=code(ds, 'PhotometricInterpretation'),
        transfer_syntax=uid_name(syntax),
        lossy=code(ds, 'LossyImageCompression', warnings) == '01',
        rows=integer(ds, 'Rows'),
        columns=integer(ds, 'Columns'),
        bits_allocated=integer(ds, 'BitsAllocated'),
        bits_stored=integer(ds, 'BitsStored'),
        signed=integer(ds, 'PixelRepresentation') == 1,
    )
    if not facts['rows'] * facts['columns']:
        raise Defect(
            f'{describe("Rows")} or {describe("Columns")} is 0: no image; leave '
            'the file out'
        )
    budget().check_pixels(facts['rows'], facts['columns'])
    for keyword, name in _DEPTHS.items():
        if facts[name] > _MOST_BITS:
            raise Defect(
                f'{describe(keyword)} is not a number of bits; correct the header'
            )
    facts.update(
        modality_lut=modality_kind(ds, warnings),
        voi_lut=voi_kind(ds, facts['bits_stored'], facts['signed'], warnings),
        burned_in_annotation=yes_no.get(code(ds, 'BurnedInAnnotation', warnings)),
    )
    return facts


def find_cem_image(ds: Dataset, warnings: ReadingWarnings | None = None) -> str | None:
    """Return which image of a contrast-enhanced pair this is, if stated."""
    terms = [re.sub(r'[^A-Z]+', '_', term) for term in codes(ds, 'ImageType', warnings)]
    for pattern, image in (
        ('SUBTRACT|RECOMBINED', 'recombined'),
        ('LOW_ENERGY', 'low energy'),
        ('HIGH_ENERGY', 'high energy'),
    ):
        if any(re.search(pattern, term) for term in terms):
            return image
    return None


def find_laterality(ds: Dataset, warnings: ReadingWarnings | None = None) -> str | None:
    """Return 'L' or 'R', ``None`` if the header states neither, or both.

    Raises:
        Defect: If two elements contradict each other, without ``warnings``.
    """
    all_stated = {k: code(ds, k, warnings) for k in _LATERALITY}
    position = re.fullmatch(_SIDED, code(ds, 'ViewPosition', warnings) or '')
    if position:
        all_stated['ViewPosition'] = position[1]
    stated = {k: v for k, v in all_stated.items() if v in ('L', 'R')}
    if len(set(stated.values())) > 1:
        found = ', '.join(f'{describe(k)} is {v}' for k, v in stated.items())
        _conflict('conflicting laterality', found, warnings)
        return None
    other = next(
        ((k, v) for k, v in all_stated.items() if v and v not in ('L', 'R')), None
    )
    if other and warnings is not None:
        warnings.add(
            'unknown laterality',
            f'{describe(other[0])} is {quoted(other[1], LATERALITIES)}',
        )
    return next(iter(stated.values()), None)


def _conflict(kind: str, found: str, warnings: ReadingWarnings | None) -> None:
    if warnings is None:
        raise Defect(f'{kind}: {found}; look at the image and correct the header')
    warnings.add(kind, f'{found}; look at the image')


def find_view(ds: Dataset, warnings: ReadingWarnings | None = None) -> str | None:
    """Return the view's code, ``None`` if the header states none, or CC and MLO.

    ViewPosition comes first, then ViewCodeSequence, then a literal 'CC' or 'MLO'
    in PatientOrientation, where CBIS-DDSM stores it. If one of the first two states a
    view other than CC or MLO, such as XCCL, that view counts.

    Raises:
        Defect: If the first two state CC and MLO, without ``warnings``.
    """
    written = [text for text in codes(ds, 'ViewPosition', warnings) if text]
    sided = [re.fullmatch(_SIDED, text) for text in written]
    positions = [match[2] if match else text for match, text in zip(sided, written)]
    views = items(ds, 'ViewCodeSequence', warnings)
    quoting = ReadingWarnings() if warnings is None else warnings
    coded = [
        _VIEW_CODES[value]
        for item in views
        for value in item_codes(item, quoting)
        if value in _VIEW_CODES
    ]
    if {'CC', 'MLO'} <= {*positions, *coded}:
        _conflict(
            'conflicting view',
            f'{describe("ViewPosition")} is '
            f'{_listed(positions) or "missing"}, {describe("ViewCodeSequence")} says '
            f'{", ".join(coded) or "nothing"}',
            warnings,
        )
        return None
    known = [view for view in positions + coded if view in _VIEWS]
    special = [view for view in known if view not in ('CC', 'MLO')]
    if known:
        return (special or known)[0]
    orientation = code(ds, 'PatientOrientation', warnings)
    if orientation in ('CC', 'MLO'):
        return orientation
    if written:
        quoting.add(
            'unknown view',
            f'{describe("ViewPosition")} is {quoted(written[0], POSITIONS)}',
        )
    if views:
        quoting.add(
            'unknown view', f'{describe("ViewCodeSequence")} is not of CID 4014'
        )
    return None


def _listed(terms: Sequence[str]) -> str:
    return ', '.join(shown(term, POSITIONS) for term in terms)


def find_orientation(ds: Dataset, warnings: ReadingWarnings) -> tuple[str, str] | None:
    """Return PatientOrientation, the directions of rows and of columns.

    Letters are A, P, L, R, H and F (PS3.3 C.7.6.1.1.1), the dominant direction first. A
    view in their place, as in CBIS-DDSM, is not an orientation.

    Args:
        ds (Dataset): The header.
        warnings (ReadingWarnings): Receives an orientation that makes no sense.
    """
    stated = codes(ds, 'PatientOrientation', warnings)
    if not any(stated) or stated[0] in _VIEWS:
        return None
    if len(stated) == 2 and all(re.fullmatch('[APLRHF]{1,3}', text) for text in stated):
        axes = [{_AXIS[letter] for letter in text} for text in stated]
        apart = _AXIS[stated[0][0]] != _AXIS[stated[1][0]]
        if apart and all(len(axis) == len(text) for axis, text in zip(axes, stated)):
            return stated[0], stated[1]
    warnings.add(
        'orientation that makes no sense',
        f'{describe("PatientOrientation")} is not used',
    )
    return None


_AXIS = {'A': 0, 'P': 0, 'L': 1, 'R': 1, 'H': 2, 'F': 2}

# range of a mammogram's pixel size in mm, even downsampled; else the unit is wrong
SPACINGS = (0.005, 5)


def find_spacing(
    ds: Dataset, warnings: ReadingWarnings | None = None
) -> tuple[tuple[float, float] | None, str | None]:
    """Return the pixel spacing in mm (row, column) and the element it comes from.

    Lengths are needed in the breast, not on the detector. PixelSpacing comes first if
    it is calibrated to the breast: alone, different from ImagerPixelSpacing, or with a
    calibration type (PS3.3 10.7.1.3). Otherwise it is ImagerPixelSpacing, on the
    detector, divided by EstimatedRadiographicMagnificationFactor if there is one. Last
    comes NominalScannedPixelSpacing of digitized film. A spacing that is not two
    positive numbers of a mammogram's size counts as unknown.

    Args:
        ds (Dataset): The header.
        warnings (ReadingWarnings, optional): Receives spacings and factors that are not
            used, or not as written.
    """
    warnings = ReadingWarnings() if warnings is None else warnings
    pixel, imager, scanned = (
        _spacing(ds, k, warnings)
        for k in ('PixelSpacing', 'ImagerPixelSpacing', 'NominalScannedPixelSpacing')
    )
    calibrated = pixel != imager or code(ds, 'PixelSpacingCalibrationType', warnings)
    if pixel and calibrated:
        return pixel, 'PixelSpacing'
    if imager:
        keyword = 'EstimatedRadiographicMagnificationFactor'
        factor = number(ds, keyword, warnings)
        if factor is None:
            return imager, 'ImagerPixelSpacing'
        if not 0.9 <= factor <= LARGEST_FACTOR:
            warnings.add(
                'magnification factor that makes no sense',
                f'{describe(keyword)} is {shown_number(factor, -10, 10)}, treated '
                'as absent',
            )
            return imager, 'ImagerPixelSpacing'
        return (
            (imager[0] / factor, imager[1] / factor),
            f'ImagerPixelSpacing / {keyword}',
        )
    return scanned, 'NominalScannedPixelSpacing' if scanned else None


def _spacing(
    ds: Dataset, keyword: str, warnings: ReadingWarnings
) -> tuple[float, float] | None:
    own = ReadingWarnings()
    found = numbers(ds, keyword, own)
    if not found:
        return None
    written = texts(ds, keyword)
    lengths = read_lengths(written)
    where = describe(keyword)
    if lengths is None or not all(
        SPACINGS[0] <= length <= SPACINGS[1] for length in lengths
    ):
        warnings.add(
            'pixel spacing that makes no sense',
            f'{where} is not two lengths of 0.005 to 5 mm, treated as absent',
        )
        return None
    if own or lengths != found:
        warnings.add(
            'pixel spacing of another form',
            f'{where}, read as {lengths[0]:g} x {lengths[1]:g} mm',
        )
    return lengths[0], lengths[1]
