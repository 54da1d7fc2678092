"""Terms of the standard and of manufacturers, the only header texts ever shown.

In a damaged or badly filled header any text may be a name and any number an ID. So
unknown texts are never quoted, nor numbers that are implausible for their element
(DICOM PS3.3 C.7.3.1.1.1, C.7.6.3.1.2, C.8.7.1.1.6, C.8.11.7).
"""

import re
from collections.abc import Iterable
from typing import Any

from pydicom.uid import UID, UID_dictionary

OTHER = 'another term'
FARTHEST_SHOWN = 9999  # limit for numbers of any kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODALITIES = _words(
    'ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS '
    'ES FID GM HC HD IO IOL IVOCT IVUS KER KO LEN LS MG MR M3D NM OAM OCT OP OPM OPT '
    'OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE '
    'RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TG '
    'US VA XA XAPROTOCOL XC'
)
PHOTOMETRIC = frozenset(
    (
        'MONOCHROME1',
        'MONOCHROME2',
        'PALETTE COLOR',
        'RGB',
        'HSV',
        'ARGB',
        'CMYK',
        'YBR_FULL',
        'YBR_FULL_422',
        'YBR_PARTIAL_422',
        'YBR_PARTIAL_420',
        'YBR_ICT',
        'YBR_RCT',
        'XYB',
    )
)
INTENTS = frozenset(('FOR PRESENTATION', 'FOR PROCESSING'))
LATERALITIES = _words('L R B U')
"""Left, right, both, unpaired (PS3.3 C.7.3.1)."""

POSITIONS = _words(
    'AP PA LL RL RLD LLD RLO LLO CC MLO ML LM LMO SIO ISO FB XCC XCCL '
    'XCCM CV AT AX ID RL RM RI RS TAN S M SPECIMEN'
)
_IMAGE_TYPE = _words(
    'ORIGINAL DERIVED PRIMARY SECONDARY LEFT RIGHT NONE MIXED VOLUME TOMO TOMOSYNTHESIS '
    'TOMO_PROJ TOMO_PROJECTION TOMO_2D GENERATED_2D GENERATED_3D SYNTHETIC_2D MAXIMUM MIP '
    'MEAN MINIMUM AVERAGE FILTERED RECON SLICE SLAB PROJECTION CSLICE POST_PROCESSED '
    'PROCESSED LOW_ENERGY HIGH_ENERGY SUBTRACTION RECOMBINED POST_CONTRAST PRE_CONTRAST '
    'DUAL_ENERGY SCOUT STEREO STEREO_SCOUT SPECIMEN SPOT MAG SINGLE DIGITIZED RESAMPLED '
    'MAMMOGRAM IMPLANT_DISPLACED OTHER QC PHANTOM CALIBRATION V_PREVIEW C-VIEW CVIEW '
    'S-VIEW SVIEW RT PREVIEW'
)
_MAKERS = {
    'HOLOGIC': 'hologic',
    'LORAD': 'lorad',
    'GE': r'ge|general electric',
    'SIEMENS': 'siemens',
    'FUJIFILM': r'fuji(film)?',
    'PHILIPS': 'philips',
    'IMS': 'ims|giotto',
    'PLANMED': 'planmed',
    'SECTRA': 'sectra',
    'AGFA': 'agfa',
    'KODAK': 'kodak',
    'CARESTREAM': 'carestream',
    'KONICA MINOLTA': r'konica( minolta)?',
    'METALTRONICA': 'metaltronica',
    'CANON': 'canon',
    'HOWTEK': 'howtek',
    'LUMISYS': 'lumisys',
    'VIDAR': 'vidar',
    'ANALOGIC': 'analogic|anrad',
    'VIEWORKS': 'vieworks',
    'DRTECH': 'drtech',
    'UNITED IMAGING': 'united imaging',
    'ICAD': 'icad',
    'PHANTOM': 'mammo_plugins',
}
_MODELS = _words(
    'SELENIA DIMENSIONS SENOGRAPHE ESSENTIAL PRISTINA DS 2000D ADS MAMMOMAT INSPIRATION '
    'REVELATION NOVATION FUSION PRIME AMULET INNOVALITY ASPIRE MICRODOSE CLASS TOMO '
    'NUANCE CLARITY PLANSCAN 3DIMENSIONS LORAD EMBRACE GIOTTO L30'
)


def shown(term: str | None, known: Iterable[str]) -> str:
    """Return a term as shown in messages.

    Args:
        term (str, optional): A term of the header, in capitals.
        known (Iterable[str]): What may be shown.
    """
    if term is None:
        return 'missing'
    return term if term in known else OTHER


def quoted(term: str, known: Iterable[str]) -> str:
    """Like :func:`shown`, in quotation marks if the term itself is shown."""
    return f"'{term}'" if term in known else OTHER


def shown_number(
    number: float,
    low: float,
    high: float,
    otherwise: str = 'no number of such an element',
) -> str:
    """Return a number as shown in messages, unless it may be an ID or a date.

    Args:
        number (float): A number of the header.
        low, high (float): The plausible range of such an element; numbers outside are
            not shown, nor those with more than 5 digits.
        otherwise (str): The text shown for numbers outside.
    """
    if not low <= number <= high:
        return otherwise
    text = f'{number:.5g}'  # the first digits of a long one would be those of an ID
    return text if float(text) == number else 'a number of many digits'


def uid_name(uid: Any) -> str | None:
    """Return the standard's name for a UID, 'another UID' if it has none.

    Args:
        uid (Any): As read; ``None`` stays ``None``.
    """
    if uid is None:
        return None
    return UID(uid).name if str(uid) in UID_dictionary else 'another UID'


def image_type(terms: Iterable[str]) -> list[str]:
    """Return the values of ImageType, with unknown ones as 'another term'."""
    return [term if term in _IMAGE_TYPE or not term else OTHER for term in terms]


def maker(text: str | None) -> str | None:
    """Return the manufacturer named in a text, 'another term' if there is none."""
    if text is None:
        return None
    return next(
        (
            name
            for name, pattern in _MAKERS.items()
            if re.search(
                rf'(?<![A-Za-z])(?:{pattern})(?![A-Za-z])', text, re.IGNORECASE
            )
        ),
        OTHER,
    )


def model(text: str | None) -> str | None:
    """Return the words of a text that name a model, 'another term' if none do."""
    if text is None:
        return None
    words = [word for word in re.split(r'[^A-Z0-9]+', text.upper()) if word in _MODELS]
    return ' '.join(words) or OTHER
