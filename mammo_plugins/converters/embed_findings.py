"""Reading EMBED's clinical table: the findings of each breast of an exam.

``EMBED_OpenData_clinical.csv`` has one row per finding, or one per negative exam or
breast: ``empi_anon``, ``acc_anon``, ``numfind``, ``side`` (L, R; B or empty for both),
``asses`` (BI-RADS as a letter: A 0, N 1, B 2, P 3, S 4, M 5, K 6; X none),
``tissueden`` (1 to 4; 5 for a man), ``desc`` (such as 'MG Screening Bilateral'),
descriptors (``massshape``, ``massmargin``, ``massdens``, ``calcfind``, ``calcdistri``,
``calcnumber``), ``path_severity`` (0 invasive cancer, 1 cancer in situ, 2 high-risk
lesion, 3 borderline, 4 benign, 5 normal tissue, 6 non-breast cancer; empty without
biopsy) and ``bside``, the side of that pathology. Sources: README and
``Sample_Notebook.ipynb`` of Emory-HITI/EMBED_Open_Data, the latter for each kind's
descriptors.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mammo_plugins.structures import LATERALITIES

from .cells import is_empty, most_concerning, read_density, read_flag, read_side
from .raw_folder import Row
from .records import Catalogue

CLINICAL = dict(
    patient='empi_anon',
    exam='acc_anon',
    number='numfind?',
    side='side',
    birads='asses',
    density='tissueden?',
    desc='desc?',
    shape='massshape?',
    margin='massmargin?',
    mass_density='massdens?',
    calcification='calcfind?',
    distribution='calcdistri?',
    calcifications='calcnumber?',
    severity='path_severity?',
    pathology_side='bside?',
    implant='implanfind?',
)
KINDS = ('mass', 'calcification', 'architectural distortion', 'asymmetry')

_BIRADS = dict(A='0', N='1', B='2', P='3', S='4', M='5', K='6')
_MASS = dict(shape=set('GROXNYDL'), margin=set('DUMIS'), mass_density=set('+-='))
_SHAPES = {'architectural distortion': set('QA'), 'asymmetry': set('TBSFV')}
_PATHOLOGIES = {
    **dict.fromkeys((0, 1), 'malignant'),
    **dict.fromkeys((2, 3, 4, 5), 'benign'),
}  # not 6


@dataclass
class Finding:
    """The rows of one ``numfind``, which may have several pathology results.

    Attributes:
        side (str, optional): 'L' or 'R'; ``None`` for both.
        birads (str, optional): As in the COCO-exam format.
        kinds (list[str]): Some of ``KINDS``.
        results (list[tuple]): Severity 0 to 6 and side ('L', 'R' or ``None``) of each
            pathology result.
    """

    side: str | None
    birads: str | None = None
    kinds: list[str] = field(default_factory=list)
    results: list[tuple[int, str | None]] = field(default_factory=list)

    @property
    def found(self) -> bool:
        """bool: Whether it is a finding rather than a row for a negative breast."""
        return bool(self.kinds or self.results) or self.birads not in (None, '1')

    def severity(self, side: str) -> int | None:
        """Return the most severe pathology result of a breast."""
        return min(
            (severity for severity, sampled in self.results if sampled in (side, None)),
            default=None,
        )


@dataclass(frozen=True)
class BreastFacts:
    """The labels of one breast from an exam's rows; see the module ``embed``."""

    birads: str | None = None
    density: str | None = None
    severity: int | None = None
    abnormal: bool | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def implied(self) -> bool:
        """bool: Whether a report on both breasts omits it, so it is not abnormal."""
        return self.abnormal is False and self.birads is None

    @property
    def pathology(self) -> str | None:
        """str | None: 'malignant' or 'benign', from the most severe result."""
        return _PATHOLOGIES.get(self.severity)

    @property
    def kinds(self) -> list[str]:
        """list[str]: All kinds of findings described."""
        return [
            kind
            for kind in KINDS
            if any(kind in finding.kinds for finding in self.findings)
        ]


def plain_id(text: str) -> str:
    """Return an ID without the '.0' that tools add if they read it as a number."""
    return re.sub(r'\.0+$', '', text)


class ClinicalExam:
    """The findings of an exam.

    Args:
        patient (str): The patient's ID.
    """

    def __init__(self, patient: str) -> None:
        self.patient = patient
        self.findings: dict[tuple, Finding] = {}  # by side and number, or content
        self.densities: set[str] = set()
        self.description = ''
        self.implant: bool | None = None

    @property
    def kind(self) -> str | None:
        """str | None: 'screening' or 'diagnostic', from its description."""
        for word, kind in (('screen', 'screening'), ('diag', 'diagnostic')):
            if word in self.description.lower():
                return kind
        return None

    def of_breast(self, side: str) -> BreastFacts:
        """Return the labels of a breast."""
        findings = list(self.findings.values())
        density = next(iter(self.densities)) if len(self.densities) == 1 else None
        own = [f for f in findings if f.side in (side, None)]
        if not own:
            # in a report on both breasts that describes only one, the other is
            # negative, as the authors of the data set assume
            implied = findings and 'bilat' in self.description.lower()
            return BreastFacts(density=density, abnormal=False if implied else None)
        birads = most_concerning(f.birads for f in own)
        severity = min(
            (f.severity(side) for f in findings if f.severity(side) is not None),
            default=None,
        )
        abnormal = None if birads is None else birads != '1'
        if severity is not None or any(f.kinds for f in own):
            abnormal = True
        return BreastFacts(
            birads, density, severity, abnormal, tuple(f for f in own if f.found)
        )


def read_exams(rows: Sequence[Row], found: Catalogue) -> dict[str, ClinicalExam]:
    """Read the clinical table.

    Args:
        rows (list[dict]): Rows with the columns ``CLINICAL``.
        found (Catalogue): Receives rows and values that cannot be used.

    Returns:
        dict[str, ClinicalExam]: Exams by ID.
    """
    exams: dict[str, ClinicalExam] = {}
    two_sided = 0
    for row in rows:
        # '-' is a mass density
        row = {
            name: '' if is_empty(cell) and name != 'mass_density' else cell
            for name, cell in row.items()
        }
        item = f'row {row["row"]} of the clinical table'
        exam, patient = plain_id(row['exam']), plain_id(row['patient'])
        side = read_side(row['side'])
        if not exam or not patient:
            found.skip(item, 'row without empi_anon or acc_anon')
        elif exam in exams and exams[exam].patient != patient:
            found.skip(item, "row of an exam that is another patient's")
        elif side is None and row['side'].upper() not in ('', 'B'):
            found.skip(item, 'side that is not L, R, B or empty', row['side'])
        else:
            known = exams.setdefault(exam, ClinicalExam(patient))
            two_sided += _add(known, row, side, item, found)
    if two_sided:
        found.notes.append(
            f'{two_sided} rows with pathology are of no side: it counts for both '
            "breasts, as the data set's README states."
        )
    return exams


def _add(
    exam: ClinicalExam, row: Row, side: str | None, item: str, found: Catalogue
) -> bool:
    """Add a row; return whether its pathology lacks a side."""
    letter = row['birads'].upper()
    if letter and letter not in _BIRADS and letter != 'X':
        found.skip(f'BI-RADS of {item}', 'assessment that is not known', row['birads'])
    density = read_density(row['density'])
    if density is not None:
        exam.densities.add(density)
    elif plain_id(row['density']) not in ('', '5'):
        found.skip(f'density of {item}', 'density that is not known', row['density'])
    exam.description = exam.description or row['desc']
    implant = read_flag(row['implant'])
    if implant is not None:
        exam.implant = exam.implant or implant
    key = (
        (side, plain_id(row['number']))
        if row['number']
        else tuple(row[name] for name in CLINICAL)
    )
    finding = exam.findings.setdefault(key, Finding(side))
    finding.birads = most_concerning((finding.birads, _BIRADS.get(letter)))
    finding.kinds = [kind for kind in KINDS if kind in (*finding.kinds, *_kinds(row))]
    result = _result(row, side, item, found)
    if result is not None:
        finding.results.append(result)
    return result is not None and result[1] is None


def _kinds(row: Row) -> list[str]:
    number = plain_id(row['calcifications'])
    there = {
        'mass': any(row[name] in codes for name, codes in _MASS.items()),
        'calcification': bool(
            row['calcification'] or row['distribution'] or number not in ('', '0')
        ),
        **{kind: row['shape'] in codes for kind, codes in _SHAPES.items()},
    }
    return [kind for kind in KINDS if there[kind]]


def _result(
    row: Row, side: str | None, item: str, found: Catalogue
) -> tuple[int, str | None] | None:
    """Return severity and side of a row's pathology."""
    text = plain_id(row['severity'])
    if not re.fullmatch('[0-6]', text):
        if text:
            found.skip(f'pathology of {item}', 'path_severity that is not 0 to 6', text)
        return None
    sampled = read_side(row['pathology_side'])
    if None not in (side, sampled) and side != sampled:
        found.skip(
            f'pathology of {item}',
            'pathology of the other side than its finding',
            f'side {side}, bside {sampled}',
        )
        return None
    return int(text), sampled or side


def severity_note(exams: dict[str, ClinicalExam]) -> str:
    """Return a note with the number of breasts for each path_severity."""
    counts = Counter(
        exam.of_breast(side).severity
        for exam in exams.values()
        for side in LATERALITIES
    )
    listed = ', '.join(
        f'{severity}: {counts[severity]}' for severity in sorted(set(counts) - {None})
    )
    return f'Breasts of an exam by path_severity: {listed or "none"}.'
