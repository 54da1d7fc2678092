"""What kind of image of a breast a file holds, and which may stand for a view.

Screening views are full-field images of the whole breast. A study often holds others
under the same side and projection; docs/reference/reading.md states the rule.
"""
from typing import Optional, Tuple

from pydicom.dataset import Dataset
from pydicom.uid import (BreastProjectionXRayImageStorageForPresentation,
                         BreastProjectionXRayImageStorageForProcessing,
                         BreastTomosynthesisImageStorage,
                         DigitalMammographyXRayImageStorageForProcessing)

from mammo_plugins.io.elements import code, codes, describe, items, number, value
from mammo_plugins.io.reading_warnings import ReadingWarnings

FULL_FIELD = 'full-field'
# What may stand for a view, the first before the others. The second word on says how
# it differs from a screening view, so that each use is told.
SUBSTITUTES = (FULL_FIELD, 'nipple in profile', 'secondary image', 'implant displaced',
               'partial view', 'synthetic 2-D', 'raw')
# never a screening view: part of the breast, other geometry, or no projection of it
EXCLUDED = ('spot compression', 'magnification', 'scout', 'stereotactic', 'specimen',
            'tomosynthesis slice', 'tomosynthesis projection', 'cleavage',
            'axillary tail', 'axillary tissue', 'tangential', 'rolled',
            'anterior compression', 'inframammary fold', 'exaggerated')

# DICOM PS3.16 CID 4015 "View Modifier for Mammography", SNOMED CT and SNOMED RT
_MODIFIERS = {
    '399055006': 'spot compression', 'R-102D7': 'spot compression',
    '399163009': 'magnification', 'R-102D6': 'magnification',
    '399209000': 'implant displaced', 'R-102D5': 'implant displaced',
    '399161006': 'cleavage', 'R-102D2': 'cleavage',
    '399011000': 'axillary tail', 'R-102D1': 'axillary tail',
    '442580003': 'axillary tissue', 'R-40AB2': 'axillary tissue',
    '399110001': 'tangential', 'R-102C2': 'tangential',
    '399197002': 'rolled', 'R-102D3': 'rolled',
    '399226006': 'rolled', 'R-102D4': 'rolled',
    '414493004': 'rolled', 'R-102CA': 'rolled',
    '415670009': 'rolled', 'R-102C9': 'rolled',
    '441752004': 'anterior compression', 'P2-00161': 'anterior compression',
    '442593008': 'inframammary fold', 'R-40ABE': 'inframammary fold',
    '442581004': 'nipple in profile', 'R-40AB3': 'nipple in profile',
    # views of CID 4014 that makers also write as modifiers
    '399192008': 'exaggerated', 'R-1024A': 'exaggerated',
    '399101009': 'exaggerated', 'R-1024B': 'exaggerated',
}
# of local codes, by their meaning
_MEANINGS = ('spot', 'magnif', 'implant displaced', 'cleavage', 'axillary tail',
             'axillary tissue', 'tangential', 'rolled', 'anterior compression',
             'nipple in profile', 'exaggerated')
_BY_MEANING = {'spot': 'spot compression', 'magnif': 'magnification'}

# contact views have factors up to about 1.1, magnified ones of 1.4 and more
MAGNIFIED = 1.25


def find_image_kind(ds: Dataset, warnings: ReadingWarnings) -> str:
    """Return the kind of an image, one of ``SUBSTITUTES`` or ``EXCLUDED``.

    Where several hold, an excluded one counts first, then the last of the substitutes.

    Args:
        ds (Dataset): The header.
        warnings (ReadingWarnings): Gets elements that cannot be read.
    """
    found = [*_by_image_type(ds, warnings), *_by_modifiers(ds, warnings),
             *_by_device(ds, warnings)]
    if is_raw(ds, warnings):
        found.append('raw')
    if code(ds, 'PartialView', warnings) == 'YES':
        found.append('partial view')
    excluded = [kind for kind in EXCLUDED if kind in found]
    if excluded:
        return excluded[0]
    return max(found, key=SUBSTITUTES.index, default=FULL_FIELD)


def is_raw(ds: Dataset, warnings: ReadingWarnings) -> bool:
    """Tell whether an image is meant for a workstation, not for the eye."""
    return (code(ds, 'PresentationIntentType', warnings) == 'FOR PROCESSING'
            or sop_class_of(ds, warnings) in (
                DigitalMammographyXRayImageStorageForProcessing,
                BreastProjectionXRayImageStorageForProcessing))


def sop_class_of(ds: Dataset, warnings: ReadingWarnings) -> Optional[str]:
    """Return the SOP class, from the file's meta header where the data set has none."""
    found = value(ds, 'SOPClassUID', warnings)
    if found is None:
        found = value(getattr(ds, 'file_meta', Dataset()), 'MediaStorageSOPClassUID',
                      warnings)
    return None if found is None else str(found)


def _by_image_type(ds: Dataset, warnings: ReadingWarnings) -> Tuple[str, ...]:
    terms = [term.replace('-', '_').replace(' ', '_')
             for term in codes(ds, 'ImageType', warnings)]
    if any('2D' in term and ('GENERATED' in term or 'SYNTH' in term or 'TOMO' in term)
           for term in terms) or {'CVIEW', 'C_VIEW', 'S_VIEW'} & set(terms):
        return ('synthetic 2-D', )
    sop_class = sop_class_of(ds, warnings)
    if any('SCOUT' in term for term in terms):
        return ('scout', )
    if any(term.startswith('STEREO') or term.endswith(('PREBX', 'POSTBX', 'PREFIRE',
                                                       'POSTFIRE', 'BIOPSY'))
           for term in terms):
        return ('stereotactic', )
    if any('PROJ' in term for term in terms) or sop_class in (
            BreastProjectionXRayImageStorageForPresentation,
            BreastProjectionXRayImageStorageForProcessing):
        return ('tomosynthesis projection', )
    if any('TOMO' in term for term in terms) or (
            sop_class == BreastTomosynthesisImageStorage):
        return ('tomosynthesis slice', )
    if any('SPECIMEN' in term for term in terms):
        return ('specimen', )
    found = []
    if any(term == 'SPOT' or term.startswith('SPOT_') for term in terms):
        found.append('spot compression')
    if any(term == 'MAG' or term.startswith('MAGNIF') for term in terms):
        found.append('magnification')
    if terms[1:2] == ['SECONDARY']:
        found.append('secondary image')
    return tuple(found)


def _by_modifiers(ds: Dataset, warnings: ReadingWarnings) -> Tuple[str, ...]:
    modifiers = items(ds, 'ViewModifierCodeSequence', warnings)
    for view in items(ds, 'ViewCodeSequence', warnings):
        modifiers += items(view, 'ViewModifierCodeSequence', warnings)
    kinds = []
    for item in modifiers:
        kind = _MODIFIERS.get(code(item, 'CodeValue', warnings) or '')
        if kind is None:
            meaning = (code(item, 'CodeMeaning', warnings) or '').lower()
            kind = next((_BY_MEANING.get(word, word) for word in _MEANINGS
                         if word in meaning), None)
        if kind is None:
            warnings.add('unknown view modifier',
                         f'{describe("ViewModifierCodeSequence")} has a code that is '
                         'not of CID 4015')
        else:
            kinds.append(kind)
    return tuple(kinds)


def _by_device(ds: Dataset, warnings: ReadingWarnings) -> Tuple[str, ...]:
    kinds = []
    factor = number(ds, 'EstimatedRadiographicMagnificationFactor', warnings)
    if factor is not None and factor >= MAGNIFIED:
        kinds.append('magnification')
    if 'STEREO' in (code(ds, 'PositionerType', warnings) or ''):
        kinds.append('stereotactic')
    paddle = code(ds, 'PaddleDescription', warnings) or ''
    if 'SPOT' in paddle:
        kinds.append('spot compression')
    if 'MAG' in paddle:
        kinds.append('magnification')
    return tuple(kinds)


def screening_rank(kind: Optional[str]) -> Optional[int]:
    """Return the place of a kind among those that may stand for a view.

    Args:
        kind (str, optional): As :func:`find_image_kind` gives it; ``None`` of
            pictures, which do not say it, counts as full-field.

    Returns:
        int | None: 0 for a full-field image, higher for what takes its place only
        where there is none; ``None`` if it never stands for a screening view.
    """
    if kind is None:
        return 0
    return SUBSTITUTES.index(kind) if kind in SUBSTITUTES else None


def exclusion(kind: str) -> str:
    """Return the reason why a kind never stands for a screening view."""
    return f'{kind} image: never stands for a screening view'
