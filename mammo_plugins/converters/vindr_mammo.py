"""VinDr-Mammo: 5,000 four-view exams with boxes, DICOM.

The raw folder, as the PhysioNet page of version 1.0.0 describes it::

    breast-level_annotations.csv
    finding_annotations.csv
    metadata.csv                        (not read)
    images/<study_id>/<image_id>.dicom

``breast-level_annotations.csv`` has one row per image: ``study_id, series_id, image_id,
laterality`` (L, R), ``view_position`` (CC, MLO), ``height, width``, ``breast_birads``
('BI-RADS 1' to 'BI-RADS 5'), ``breast_density`` ('DENSITY A' to 'DENSITY D'), ``split``
('training', 'test'). ``finding_annotations.csv`` repeats these and adds
``finding_categories``, a Python list as text, ``finding_birads`` ('BI-RADS 3' to
'BI-RADS 5'; empty for lymph nodes, skin thickening and retractions) and the corners
``xmin, ymin, xmax, ymax`` in pixels of the DICOM file, including fractions. An image
without a finding has one row, ['No Finding'], without
a box. Source: H. T. Nguyen et al., Scientific Data 10:277 (2023); the notebook
``split_data.ipynb`` of its authors.

Rules: a study is an exam and, since the data set names no patients, also a patient. A
breast whose BI-RADS is not 1 is abnormal. There is no biopsy, so pathology is unknown.
A box with several kinds is one lesion of the kind that comes first in
``VinDrMammoConverter.categories``; the view's key ``finding_kinds`` lists all kinds
marked in it. Nothing links a lesion's boxes in CC and MLO. A study whose rows name both
parts, as in some copies of the tables, is assigned as a whole to the part of most of
its images, or to test in a tie.

Traps: only findings of BI-RADS 3 and above have boxes, so a view without a box may show
a breast of BI-RADS 2. Some boxes extend a few pixels beyond their image and are cut at
its edge.
"""

import ast
import re
from collections import Counter
from pathlib import Path

from mammo_plugins.structures import BIRADS, VIEWS
from mammo_plugins.structures.categories import VINDR_MAMMO

from .base import Converter
from .cells import most_concerning, read_birads, read_count, read_density, read_side
from .numbers import NumberReader
from .raw_folder import RawFolder, Row
from .records import Catalogue, RawLesion, RawView

Box = tuple[float, float, float, float]

_EXPECTED = (
    'VinDr-Mammo 1.0.0: breast-level_annotations.csv, '
    'finding_annotations.csv and images/<study_id>/<image_id>.dicom'
)
_BREAST = dict(
    study='study_id',
    image='image_id',
    side='laterality',
    view='view_position|view_positition|view',
    birads='breast_birads',
    density='breast_density?',
    height='height?',
    width='width?',
    part='split?',
)
_FINDING = dict(
    image='image_id',
    kinds='finding_categories',
    birads='finding_birads?',
    x1='xmin',
    y1='ymin',
    x2='xmax',
    y2='ymax',
)
_CORNERS = ('x1', 'y1', 'x2', 'y2')

_KINDS = {
    'mass': 'mass',
    'suspicious calcification': 'calcification',
    'architectural distortion': 'architectural distortion',
    'asymmetry': 'asymmetry',
    'focal asymmetry': 'focal asymmetry',
    'global asymmetry': 'global asymmetry',
    'suspicious lymph node': 'suspicious lymph node',
    'skin thickening': 'skin thickening',
    'skin retraction': 'skin retraction',
    'nipple retraction': 'nipple retraction',
}
_NO_FINDING = 'no finding'
_PARTS = {
    'training': 'train',
    'train': 'train',
    'validation': 'val',
    'val': 'val',
    'test': 'test',
    'testing': 'test',
}


class VinDrMammoConverter(Converter):
    """Reads VinDr-Mammo; see the module for its format and the rules."""

    name = 'VinDr-Mammo'
    categories = VINDR_MAMMO
    official_split = True

    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views; see :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        breasts = folder.table(
            folder.one(
                r'(.*/)?breast[-_ ]?level[-_ ]annotations?[^/]*\.csv',
                'table breast-level_annotations.csv',
            ),
            _BREAST,
        )
        findings = folder.table(
            folder.one(
                r'(.*/)?findings?[-_ ]annotations?[^/]*\.csv',
                'table finding_annotations.csv',
            ),
            _FINDING,
        )
        found = folder.new_catalogue()
        views = _views(breasts, folder, found)
        _add_findings(findings, breasts, views, found)
        found.views = list(views.values())
        found.notes += [
            'No biopsy in the set: pathology is unknown; abnormal is '
            'BI-RADS other than 1.',
            *_breast_notes(found.views),
        ]
        return found


def _views(rows: list[Row], folder: RawFolder, found: Catalogue) -> dict[str, RawView]:
    """Return the views whose image exists, by image id in lower case."""
    files = _image_files(folder)
    parts = _study_parts(rows, found)
    first: dict[str, Row] = {}
    views = {}
    for row in rows:
        item, key = f'{row["study"]}/{row["image"]}', row['image'].lower()
        if not row['image'] or not row['study']:
            found.skip(
                f'row {row["row"]} of the breast table',
                'row without study_id or image_id',
            )
        elif key in first:
            same = all(row[k] == first[key][k] for k in _BREAST)
            found.skip(
                item,
                'row that repeats an image'
                if same
                else 'row that contradicts an earlier one of the same image',
                f'row {row["row"]}',
            )
        else:
            first[key] = row
            view = _view(row, files, parts, item, found)
            if view is not None:
                views[key] = view
    return views


def _image_files(folder: RawFolder) -> dict[tuple[str, str], Path]:
    """Return DICOM files by (study folder, image id), and by ('', image id)."""
    files: dict[tuple[str, str], Path] = {}
    for file in folder.files:
        if file.suffix.lower() in ('.dicom', '.dcm', ''):
            image = file.stem.lower()
            files.setdefault((file.parent.name.lower(), image), file)
            files.setdefault(('', image), file)
    return files


def _study_parts(rows: list[Row], found: Catalogue) -> dict[str, str]:
    """Return the part of each study that states one: the split is by study."""
    named: dict[str, Counter] = {}
    for row in rows:
        part = _PARTS.get(row['part'].lower())
        if part is not None:
            named.setdefault(row['study'], Counter())[part] += 1
    several = sum(len(parts) > 1 for parts in named.values())
    if several:
        found.notes.append(
            f'{several} studies have images of several parts: each is moved as a '
            'whole to the part with most of its images.'
        )
    return {
        study: max(parts, key=lambda part: (parts[part], part == 'test'))
        for study, parts in named.items()
    }


def _view(
    row: Row,
    files: dict[tuple[str, str], Path],
    parts: dict[str, str],
    item: str,
    found: Catalogue,
) -> RawView | None:
    side, view = read_side(row['side']), row['view'].upper()
    if side is None:
        found.skip(item, 'laterality that is not L or R', row['side'])
        return None
    if view not in VIEWS:
        found.skip(item, 'view that is not CC or MLO', row['view'])
        return None
    image = row['image'].lower()
    file = files.get((row['study'].lower(), image), files.get(('', image)))
    if file is None:
        found.skip(item, 'image not found', f'{side} {view}')
        return None
    part = parts.get(row['study'])
    if part is None and parts:
        found.skip(item, 'study without a part of the official split', row['part'])
        return None
    birads = read_birads(row['birads'])
    if birads is None:
        found.skip(
            f'BI-RADS of {item}', 'breast BI-RADS that is not known', row['birads']
        )
    return RawView(
        file,
        row['study'],
        row['study'],
        side,
        view,
        part=part,
        birads=birads,
        density=read_density(row['density']),
        abnormal=None if birads is None else birads != '1',
        size=_size(row),
        extra=dict(finding_kinds=[]),
    )


def _size(row: Row) -> tuple[int, int] | None:
    size = read_count(row['height']), read_count(row['width'])
    return None if None in size else size


def _add_findings(
    rows: list[Row], breasts: list[Row], views: dict[str, RawView], found: Catalogue
) -> None:
    """Add the lesions of each view, one per box."""
    listed = {row['image'].lower() for row in breasts}
    numbers = NumberReader(row[name] for row in rows for name in _CORNERS)
    marked: dict[tuple[str, Box], _Marked] = {}
    swapped = 0
    named = set()
    for row in rows:
        image = row['image'].lower()
        named.add(image)
        item = f'row {row["row"]} of the finding table'
        if image not in listed:
            found.skip(
                item,
                'finding of an image that is not in the breast table',
                row['image'],
            )
        if image not in views:
            continue  # counted with its image
        kinds = _kinds(row['kinds'], item, found)
        if kinds is None:
            if _corners(row, numbers) is not None:
                found.skip(item, 'box of a "No Finding" row')
            continue
        if not kinds:
            continue
        views[image].extra['finding_kinds'] += [
            kind for kind in kinds if kind not in views[image].extra['finding_kinds']
        ]
        box = _corners(row, numbers)
        if box is None:
            found.skip(
                item,
                'finding without four corners',
                ', '.join(repr(row[name]) for name in _CORNERS),
            )
            continue
        ordered = (*map(min, box[:2], box[2:]), *map(max, box[:2], box[2:]))
        swapped += ordered != box
        birads = read_birads(row['birads'])
        if birads is None and row['birads']:
            found.skip(
                f'BI-RADS of {item}', 'finding BI-RADS that is not known', row['birads']
            )
        known = marked.setdefault((image, ordered), _Marked())
        if known.add(kinds, birads):
            found.skip(item, 'another row of the same box')
    for view in views.values():
        view.extra['finding_kinds'].sort(key=VinDrMammoConverter.categories.index)
    for (image, box), lesion in marked.items():
        views[image].lesions.append(
            RawLesion(lesion.kinds[0], box=box, birads=lesion.birads)
        )
    found.notes += _finding_notes(
        list(marked.values()), swapped, len(views.keys() - named)
    )


class _Marked:
    """The combined labels from all rows of one box."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.birads: str | None = None

    def add(self, kinds: list[str], birads: str | None) -> bool:
        """Add a row; return whether another came before.

        Kinds are merged; if there are two BI-RADS, the more suspicious one counts, as
        in a report.
        """
        again = bool(self.kinds)
        self.kinds = sorted(
            {*self.kinds, *kinds}, key=VinDrMammoConverter.categories.index
        )
        self.birads = most_concerning((self.birads, birads))
        return again


def _kinds(text: str, item: str, found: Catalogue) -> list[str] | None:
    """Return the categories listed in a cell, ``None`` for 'No Finding' alone."""
    names = _names(text)
    if not names:
        found.skip(item, 'finding without a kind', text)
        return []
    if names == [_NO_FINDING]:
        return None
    kinds = []
    for name in names:
        if name in _KINDS:
            kinds.append(_KINDS[name])
        elif name != _NO_FINDING:
            found.skip(item, 'kind of finding that is not known', name)
    return kinds


def _names(text: str) -> list[str]:
    """Return the names in a list given as text, even a broken one, in lower case."""
    try:
        listed = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        listed = text.strip('[](){} ').split(',')
    if not isinstance(listed, (list, tuple, set)):
        listed = [listed]
    names = (
        ' '.join(re.sub(r'[\'"`]', ' ', str(name)).lower().split()) for name in listed
    )
    return [name for name in names if name]


def _corners(row: Row, numbers: NumberReader) -> Box | None:
    try:
        return tuple(numbers.read(row[name]) for name in _CORNERS)
    except ValueError:
        return None


def _finding_notes(lesions: list[_Marked], swapped: int, unnamed: int) -> list[str]:
    several = sum(len(lesion.kinds) > 1 for lesion in lesions)
    counts = Counter(kind for lesion in lesions for kind in lesion.kinds)
    listed = ', '.join(
        f'{kind} {counts[kind]}' for kind in _KINDS.values() if counts[kind]
    )
    notes = [
        f'{several} of {len(lesions)} boxes have several kinds: such a box is '
        'one lesion of the first of them in the order of the categories.'
    ]
    if listed:
        notes.append(
            'Kinds of the boxes, a box counted under each of its kinds as '
            f'the paper of the data set counts: {listed}.'
        )
    if swapped:
        notes.append(
            f'{swapped} boxes had xmin above xmax or ymin above ymax: '
            'their corners were put in order.'
        )
    if unnamed:
        notes.append(
            f'{unnamed} images have no row in finding_annotations.csv: treated as '
            'without a finding.'
        )
    return notes


def _breast_notes(views: list[RawView]) -> list[str]:
    """Return notes with the class counts of DIVF's task."""
    breasts: dict[tuple[str, str], dict[str, str | None]] = {}
    for view in views:
        breasts.setdefault((view.exam_id, view.laterality), {}).setdefault(
            view.view, view.birads
        )
    whole = Counter(
        birads['CC']
        for birads in breasts.values()
        if len(birads) == 2 and birads['CC'] == birads['MLO']
    )
    listed = ', '.join(f'{value} {whole[value]}' for value in BIRADS if whole[value])
    split = sum(len(b) == 2 and b['CC'] != b['MLO'] for b in breasts.values())
    notes = [f'Breasts with CC and MLO by BI-RADS: {listed or "none"}.']
    if split:
        notes.append(f'{split} breasts have another BI-RADS in CC than in MLO.')
    return notes
