"""Which kind of breast image a file contains, and which may represent a view.

Screening views are full-field images of the whole breast. A study often contains other
images of the same side and projection; docs/reference/reading.md states the rule.
"""

import re
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForProcessing,
)

from mammo_plugins.io.elements import code, codes, describe, items, number, value
from mammo_plugins.io.reading_warnings import ReadingWarnings

FULL_FIELD = 'full-field'
# Kinds that may represent a view, in order of preference. From the second on the name
# states how it differs from a screening view, so that each use is reported.
SUBSTITUTES = (
    FULL_FIELD,
    'nipple in profile',
    'unknown modifier',
    'secondary image',
    'implant displaced',
    'partial view',
    'synthetic 2-D',
    'raw',
)
# never a screening view: part of the breast, another geometry, or not a projection
EXCLUDED = (
    'spot compression',
    'magnification',
    'scout',
    'stereotactic',
    'specimen',
    'tomosynthesis projection',
    'tomosynthesis slice',
    'cleavage',
    'axillary tail',
    'axillary tissue',
    'tangential',
    'rolled',
    'anterior compression',
    'inframammary fold',
    'exaggerated',
    'wire localization',
    'quality control',
)

# DICOM PS3.16 CID 4015 "View Modifier for Mammography", SNOMED CT and SNOMED RT
_MODIFIERS = {
    '399055006': 'spot compression',
    'R-102D7': 'spot compression',
    '399163009': 'magnification',
    'R-102D6': 'magnification',
    '399209000': 'implant displaced',
    'R-102D5': 'implant displaced',
    '399161006': 'cleavage',
    'R-102D2': 'cleavage',
    '399011000': 'axillary tail',
    'R-102D1': 'axillary tail',
    '442580003': 'axillary tissue',
    'R-40AB2': 'axillary tissue',
    '399110001': 'tangential',
    'R-102C2': 'tangential',
    '399197002': 'rolled',
    'R-102D3': 'rolled',
    '399226006': 'rolled',
    'R-102D4': 'rolled',
    '414493004': 'rolled',
    'R-102CA': 'rolled',
    '415670009': 'rolled',
    'R-102C9': 'rolled',
    '441752004': 'anterior compression',
    'P2-00161': 'anterior compression',
    '442593008': 'inframammary fold',
    'R-40ABE': 'inframammary fold',
    '442581004': 'nipple in profile',
    'R-40AB3': 'nipple in profile',
    # views of CID 4014 that makers also write as modifiers
    '399192008': 'exaggerated',
    'R-1024A': 'exaggerated',
    '399101009': 'exaggerated',
    'R-1024B': 'exaggerated',
}
# for the meaning of local codes and for PaddleDescription
_WORDS = {
    r'\bspot': 'spot compression',
    r'\bmag(nif\w*)?\b': 'magnification',
    r'implant.*displace|displace.*implant|eklund|push.?back': 'implant displaced',
    'cleavage': 'cleavage',
    r'axillary tail': 'axillary tail',
    'axillary tissue': 'axillary tissue',
    'tangential': 'tangential',
    r'\broll': 'rolled',
    'anterior compression': 'anterior compression',
    'inframammary': 'inframammary fold',
    'nipple in profile': 'nipple in profile',
    'exaggerated': 'exaggerated',
    'biopsy|stereo': 'stereotactic',
    'specimen': 'specimen',
    r'\bwire|needle': 'wire localization',
}
# for ImageType, first match; underscores separate words
_TERMS = {
    '(GENERATED|SYNTH|TOMO|INSIGHT|INTELLIGENT).*2_?D|SYNTHE(TIC|SI[SZ]ED)'
    '|[CS]_?VIEW|V_PREVIEW': 'synthetic 2-D',
    '.*SCOUT.*': 'scout',
    'STEREO.*|.*(PRE|POST)(BX|FIRE)|.*BIOPSY.*': 'stereotactic',
    'TOMO.*PROJ.*': 'tomosynthesis projection',
    'TOMO.*|.*SLAB|RECON.*|VOLUME': 'tomosynthesis slice',
    '.*SPECIMEN.*': 'specimen',
    'SPOT.*|.*_SPOT': 'spot compression',
    'MAG|MAGNIF.*|MAG_.*|.*_MAG': 'magnification',
    'IMPLANT_?DISPLACED': 'implant displaced',
    '(NEEDLE|WIRE)_LOC.*': 'wire localization',
    'QC|PHANTOM|CALIBRATION': 'quality control',
}

# contact views have factors up to about 1.1, magnified ones of 1.4 and more
MAGNIFIED = 1.25
LARGEST_FACTOR = 10  # a factor above this is in percent or broken


def find_image_kind(ds: Dataset, warnings: ReadingWarnings) -> str:
    """Return the kind of an image, one of ``SUBSTITUTES`` or ``EXCLUDED``.

    If several apply, an excluded kind comes first, then the last of the substitutes.

    Args:
        ds (Dataset): The header.
        warnings (ReadingWarnings): Receives elements that cannot be read.
    """
    found = [
        *_by_image_type(ds, warnings),
        *_by_modifiers(ds, warnings),
        *_by_device(ds, warnings),
    ]
    if is_raw(ds, warnings):
        found.append('raw')
    if (code(ds, 'PartialView', warnings) or '').startswith('Y') or items(
        ds, 'PartialViewCodeSequence', warnings
    ):
        found.append('partial view')
    excluded = [kind for kind in EXCLUDED if kind in found]
    if excluded:
        return excluded[0]
    return max(found, key=SUBSTITUTES.index, default=FULL_FIELD)


def is_raw(ds: Dataset, warnings: ReadingWarnings) -> bool:
    """Return whether an image is meant for processing, not for display."""
    return 'PROCESSING' in (
        code(ds, 'PresentationIntentType', warnings) or ''
    ) or sop_class_of(ds, warnings) in (
        DigitalMammographyXRayImageStorageForProcessing,
        BreastProjectionXRayImageStorageForProcessing,
    )


def sop_class_of(ds: Dataset, warnings: ReadingWarnings) -> str | None:
    """Return the SOP class, from the file's meta header if the data set has none."""
    found = value(ds, 'SOPClassUID', warnings)
    if found is None:
        found = value(
            getattr(ds, 'file_meta', Dataset()), 'MediaStorageSOPClassUID', warnings
        )
    return None if found is None else str(found)


def _by_image_type(ds: Dataset, warnings: ReadingWarnings) -> list[str]:
    stated = codes(ds, 'ImageType', warnings)
    terms = [
        re.sub(r'[^A-Z0-9]+', '_', term)
        for term in stated + codes(ds, 'FrameType', warnings)
    ]
    found = [
        kind
        for pattern, kind in _TERMS.items()
        if any(re.fullmatch(pattern, term) for term in terms)
    ]
    if 'synthetic 2-D' in found:  # in addition to TOMOSYNTHESIS, its source
        found = [kind for kind in found if not kind.startswith('tomosynthesis')]
    else:
        sop_class = sop_class_of(ds, warnings)
        if sop_class in (
            BreastProjectionXRayImageStorageForPresentation,
            BreastProjectionXRayImageStorageForProcessing,
        ):
            found.append('tomosynthesis projection')
        elif sop_class == BreastTomosynthesisImageStorage:
            found.append('tomosynthesis slice')
    if stated[1:2] == ['SECONDARY']:
        found.append('secondary image')
    return found[:1] if found[:1] == ['scout'] else found


def _by_modifiers(ds: Dataset, warnings: ReadingWarnings) -> list[str]:
    kinds = []
    modifiers = items(ds, 'ViewModifierCodeSequence', warnings)
    for view in items(ds, 'ViewCodeSequence', warnings):
        modifiers += items(view, 'ViewModifierCodeSequence', warnings)
    while modifiers:
        item = modifiers.pop(0)
        modifiers += items(item, 'ViewModifierCodeSequence', warnings)
        kind = next(
            (
                _MODIFIERS[value]
                for value in item_codes(item, warnings)
                if value in _MODIFIERS
            ),
            None,
        )
        if kind is None:
            meaning = (code(item, 'CodeMeaning', warnings) or '').lower()
            kind = _by_words(meaning)
        if kind is None:
            warnings.add(
                'unknown view modifier',
                f'{describe("ViewModifierCodeSequence")} has an item that is '
                'not of CID 4015',
            )
            kind = 'unknown modifier'
        kinds.append(kind)
    return kinds


def item_codes(item: Dataset, warnings: ReadingWarnings) -> list[str]:
    """Return the values of a code sequence item that may contain its code."""
    found = [
        code(item, keyword, warnings)
        for keyword in ('CodeValue', 'LongCodeValue', 'URNCodeValue')
    ]
    return [value.rpartition(':')[2].rpartition('/')[2] for value in found if value]


def _by_words(text: str) -> str | None:
    if re.search(r'\b(no|not|without)\b', text):
        return None
    return next(
        (kind for pattern, kind in _WORDS.items() if re.search(pattern, text)), None
    )


def _by_device(ds: Dataset, warnings: ReadingWarnings) -> list[str]:
    kinds = []
    factor = number(ds, 'EstimatedRadiographicMagnificationFactor', warnings)
    if factor is None:  # compute it as the quotient of two distances
        detector, patient = (
            number(ds, f'DistanceSourceTo{what}', warnings)
            for what in ('Detector', 'Patient')
        )
        factor = detector / patient if detector and patient and patient > 0 else 1
    if MAGNIFIED <= factor <= LARGEST_FACTOR:
        kinds.append('magnification')
    if code(ds, 'QualityControlImage', warnings) == 'YES':
        kinds.append('quality control')
    if 'STEREO' in (code(ds, 'PositionerType', warnings) or ''):
        kinds.append('stereotactic')
    paddle = _by_words((code(ds, 'PaddleDescription', warnings) or '').lower())
    return kinds + [paddle] if paddle else kinds


def screening_rank(kind: str | None) -> int | None:
    """Return the rank of a kind among those that may represent a view.

    Args:
        kind (str, optional): As returned by :func:`find_image_kind`; ``None``, for
            pictures, which do not state it, counts as full-field.

    Returns:
        int | None: 0 for a full-field image, higher for kinds that replace a missing
        one; ``None`` if it never represents a screening view.
    """
    if kind is None:
        return 0
    return SUBSTITUTES.index(kind) if kind in SUBSTITUTES else None


def screening_order(kind: str | None, header: dict[str, Any]) -> tuple[int, bool, bool]:
    """Return a sort key for the images of one view; the first one is used.

    Args:
        kind (str, optional): A kind that may represent a view.
        header (dict): Facts of the file. Among equal kinds, For Presentation comes
            first, then images without burned-in text.

    Raises:
        ValueError: Of another kind.
    """
    rank = screening_rank(kind)
    if rank is None:
        raise ValueError(f'{kind}: never stands for a screening view')
    presentation = header.get('presentation_intent') == 'FOR PRESENTATION' or (
        'For Presentation' in (header.get('sop_class') or '')
    )
    return (
        rank,
        not presentation,
        header.get('burned_in_annotation') is True,
    )


def exclusion(kind: str) -> str:
    """Return the reason why a kind never represents a screening view."""
    return f'{kind} image: never stands for a screening view'
