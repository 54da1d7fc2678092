"""DICOM codes (PS3.16) for predictions, with private codes where DICOM has none."""

from typing import Any

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

SCHEME = '99MAMMO'  # a private designator begins with 99 (PS3.3, 8.2)
SCHEME_NAME = 'mammo_plugins'

PERCENT = Code('%', 'UCUM', 'percent')
NO_UNITS = Code('1', 'UCUM', 'no units')
PIXELS = Code('{pixels}', 'UCUM', 'Pixels')
SOURCE = Code('260753009', 'SCT', 'Source')
SCORE = codes.DCM.CertaintyOfFinding
MALIGNANCY = codes.DCM.ProbabilityOfCancer
ASSESSMENT = codes.DCM.AssessmentCategory
COMMENT = codes.DCM.Comment
MAMMOGRAPHY = Code('71651007', 'SCT', 'Mammography')
BREAST = Code('76752008', 'SCT', 'Breast')
ABNORMAL_STRUCTURE = Code('49755003', 'SCT', 'Morphologically Abnormal Structure')
ABNORMALITY = Code('abnormality', SCHEME, 'Probability of an abnormality')
ASYMMETRY = Code('asymmetry', SCHEME, 'Probability that the breasts differ')
BIRADS_SCORE = Code('birads-score', SCHEME, 'BI-RADS score of 0 (1) to 1 (6)')
FINDINGS = Code('findings', SCHEME, 'Number of findings')
EXAM_SCORE = Code('exam-score', SCHEME, 'Score of the exam, before calibration')
THRESHOLD = Code('recall-threshold', SCHEME, 'Score from which an exam is recalled')
RECALL = Code('recall', SCHEME, 'Recall by the threshold')
RECALLED = {
    True: Code('recalled', SCHEME, 'Recalled'),
    False: Code('not-recalled', SCHEME, 'Not recalled'),
}
CALIBRATED = Code('calibrated', SCHEME, 'Calibrated on a validation part')
LATERALITY = {'L': codes.SCT.Left, 'R': codes.SCT.Right}

# CID 6014 to 6016, mammography findings
_CATEGORIES = {
    'mass': codes.SCT.MammographicBreastMass,
    'spiculated region': codes.SCT.MammographicBreastMass,
    'calcification': codes.SCT.IndividualCalcification,
    'calcification cluster': codes.SCT.CalcificationCluster,
    'architectural distortion': codes.SCT.ArchitecturalDistortionOfBreast,
    'asymmetry': codes.SCT.AsymmetricBreastTissue,
    'global asymmetry': codes.SCT.AsymmetricBreastTissue,
    'focal asymmetry': codes.SCT.FocalAsymmetricBreastTissue,
    'skin thickening': codes.SCT.SkinThickeningOfBreast,
    'skin retraction': codes.SCT.SkinRetractionOfBreast,
}
# CID 6027, assessment from BI-RADS
_BIRADS = {
    '1': Code('397140005', 'SCT', '1 - Negative'),
    '2': Code('397141009', 'SCT', '2 - Benign'),
    '3': Code('397143007', 'SCT', '3 - Probably Benign'),
    '4A': Code('MA.II.A.5.4A', 'BI', '4A - Low suspicion', '4.0'),
    '4B': Code('MA.II.A.5.4B', 'BI', '4B - Intermediate suspicion', '4.0'),
    '4C': Code('MA.II.A.5.4C', 'BI', '4C - Moderate suspicion', '4.0'),
    '5': Code('397145000', 'SCT', '5 - Highly suggestive of malignancy'),
    '6': Code('MA.II.A.5.6', 'BI', '6 - Known biopsy proven malignancy', '4.0'),
}


def category_code(name: str) -> Code:
    """Return the code of a kind of lesion, private if DICOM has none."""
    known = _CATEGORIES.get(name.lower())
    # a code value has at most 16 characters, a meaning 64
    return known or Code(name[:16], SCHEME, name[:64])


def birads_code(category: str) -> CodedConcept:
    """Return the code of a BI-RADS category, '1' to '6' with 4A, 4B and 4C."""
    return CodedConcept(*_BIRADS[category])


def percent(probability: float) -> float:
    """Return a probability in percent, exact to the six decimals of predictions."""
    return round(100 * probability, 4)


def uncalibrated(key: str, name: Code) -> Code:
    """Return the code of a score that a calibrated probability replaces.

    Args:
        key (str): Its key in the predictions.
        name (Code): The code of the probability.
    """
    return Code(f'raw-{key}', SCHEME, f'Uncalibrated score: {name.meaning}'[:64])


def measurement(
    name: Code, value: float, unit: Code = PERCENT, method: Code | None = None
) -> Any:
    """Return a measurement for a report.

    Args:
        name (Code): The measured quantity.
        value (float): The value in the unit.
        unit (Code): The unit. Defaults to percent.
        method (Code, optional): How it was computed. Defaults to ``None``.
    """
    from highdicom.sr import Measurement

    return Measurement(name=name, value=value, unit=unit, method=method)
