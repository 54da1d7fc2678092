"""CDD-CESM: contrast-enhanced mammograms with outlines drawn by hand."""

from collections import Counter, defaultdict
from pathlib import Path

from mammo_plugins.structures.categories import CDD_CESM

from .base import Converter
from .cdd_cesm_tables import (
    COLUMNS,
    ImageFacts,
    ImageKey,
    Workbook,
    findings_of,
    image_key,
    parse_pathologies,
    read_workbook,
)
from .cells import is_empty, most_concerning, read_all_birads, read_densest
from .raw_folder import RawFolder
from .records import Catalogue, ConversionError, RawLesion, RawView
from .via import Polygon, RegionError, region_polygon

_EXPECTED = (
    "CDD-CESM as downloaded: JPEG images such as 'Low energy images of CDD-CESM/"
    "P1_L_DM_MLO.jpg', Radiology-manual-annotations.xlsx and "
    'Radiology_hand_drawn_segmentations_v2.csv'
)
_MODALITIES = dict(DM='CEM-LE', CM='CEM-RC')
_CATEGORIES = {
    'mass': 'mass',
    'mass enhancement': 'mass',
    'calcification': 'calcification',
    'architectural distortion': 'architectural distortion',
    'asymmetry': 'asymmetry',
    'non-mass enhancement': 'non-mass enhancement',
    'postoperative change': 'other',
    'change after chemotherapy': 'other',
}
_REGION_COLUMNS = dict(
    image='#filename', count='region_count?', shape='region_shape_attributes'
)


class CDDCESMConverter(Converter):
    """CDD-CESM (TCIA), low-energy and subtracted images of 326 patients.

    Sources: R. Khaled et al., "Categorized contrast enhanced mammography dataset
    for diagnostic and artificial intelligence research", Scientific Data 9:122,
    2022; the data set's page at The Cancer Imaging Archive; the authors' helper
    repository omar-mohamed/CDD-CESM-Dataset.

    Images are 8-bit JPEG, ``P<patient>_<L|R>_<DM|CM>_<CC|MLO>.jpg``: DM is the
    low-energy image ('CEM-LE' here), CM the subtracted one ('CEM-RC'). Some names
    have a blank before ``.jpg``; further images of a view have a number appended,
    ``P99_L_DM_MLO_2.jpg`` or ``P1_L_DM_MLO2.jpg``. There is no pixel spacing.

    The workbook's sheet 'all' has one row per image (``Image_name``, ``BIRADS``,
    ``Breast density (ACR)``, ``Findings``, ``Tags``, ``Pathology Classification/ Follow
    up``); ``$`` separates the values of several findings, ``_`` is an empty cell. Each
    other sheet lists the images with one finding, such as 'mass_description' or
    'nonmass enhancement_description'. The CSV of the outlines is an export of the VGG
    Image Annotator (see :mod:`~mammo_plugins.converters.via`), in pixels of the image.
    A region does not state which of its image's findings it outlines.

    Rules: a patient is one exam, ``P<patient>``. The BI-RADS category of a view is
    its most suspicious one, in the order 1, 2, 3, 0, 4, 5, 6. The density is stated for
    low-energy images; a subtracted image gets the density of its breast. A malignant
    finding makes the view malignant; a view is abnormal unless its pathology is
    'Normal' (unknown if a region is drawn in it nevertheless). A region has the
    category of its view's finding, or 'other' if the view has none or several. It gets
    the view's BI-RADS and pathology only if it is the sole region, except that all
    regions of a benign view are benign.
    """

    name = 'CDD-CESM'
    categories = CDD_CESM
    ratios = dict(train=0.7, val=0.2, test=0.1)

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        catalogue = folder.new_catalogue()
        images = _find_images(folder, catalogue)
        table = _find_table(folder)
        regions_file = _find_regions(folder)
        workbook = read_workbook(folder.root / table)
        facts = _read_facts(workbook, table, images, catalogue)
        regions = _read_regions(folder, regions_file, images, catalogue)
        densities = _densities(facts)
        contradictions = ambiguous = 0
        for key in sorted(images):
            known = facts.get(key, ImageFacts())
            outlines = regions.get(key, [])
            category = _category(known.findings)
            several = len({_CATEGORIES[f] for f in known.findings}) > 1
            ambiguous += several * len(outlines)
            contradictions += known.pathology == 'normal' and bool(outlines)
            for file in images[key]:
                catalogue.views.append(
                    _view(key, file, known, category, outlines, densities.get(key))
                )
        catalogue.notes += _notes(images, facts, ambiguous, contradictions)
        return catalogue


def _find_images(folder: RawFolder, catalogue: Catalogue) -> dict[ImageKey, list[Path]]:
    """Return the files of each image, those in the data set's own folders first."""
    images: dict[ImageKey, list[Path]] = defaultdict(list)
    for file in folder.matching(r'(?:.*/)?p\d+\s*_[^/]*\.jpe?g'):
        key = image_key(file.name)
        if key is None:
            catalogue.skip(file, 'image name that is not understood')
        else:
            images[key].append(file)
    if not images:
        raise ConversionError(
            f'{folder.root}: no image such as P1_L_DM_MLO.jpg; expected {_EXPECTED}',
            catalogue,
        )
    for files in images.values():
        files.sort(
            key=lambda file: (
                'images of cdd-cesm' not in file.parent.name.lower(),
                file,
            )
        )
    return images


def _find_table(folder: RawFolder) -> Path:
    name = r'(?:.*/)?radiology[ _-]*manual[ _-]*annotations?[^/]*\.'
    sheet = folder.one(name + 'xlsx?', 'annotation workbook', required=False)
    return sheet or folder.one(name + '(?:xlsx?|csv)', 'annotation workbook')


def _find_regions(folder: RawFolder) -> Path:
    name = r'(?:.*/)?radiology[ _-]*hand[ _-]*drawn[ _-]*segmentations?'
    latest = folder.one(
        name + r'[ _-]*v2[^/]*\.csv', 'table of outlines', required=False
    )
    return latest or folder.one(name + r'[^/]*\.csv', 'table of outlines')


def _read_facts(
    workbook: Workbook,
    table: Path,
    images: dict[ImageKey, list[Path]],
    catalogue: Catalogue,
) -> dict[ImageKey, ImageFacts]:
    facts: dict[ImageKey, ImageFacts] = {}
    seen: set[tuple[str, ...]] = set()
    for row in workbook.rows:
        item = f'{table.name}: row {row["row"]}'
        cells = tuple(row[field] for field in COLUMNS)
        if cells in seen:
            catalogue.skip(item, 'repeated row', row['image'])
            continue
        seen.add(cells)
        key = image_key(row['image'])
        if key is None:
            catalogue.skip(item, 'image name that is not understood', row['image'])
            continue
        if key not in images:
            catalogue.skip(item, 'missing image', row['image'])
            continue
        birads = read_all_birads(row['birads'])
        density = read_densest(row['density'])
        pathologies = parse_pathologies(row['pathology'])
        for name, value in (
            ('birads', birads),
            ('density', density),
            ('pathology', pathologies),
        ):
            if not value and not is_empty(row[name]):
                column = COLUMNS[name].split('|')[0]
                catalogue.skip(
                    f'{item}, column {column}',
                    'value that is not understood',
                    row[name],
                )
        known = facts.setdefault(key, ImageFacts())
        known.birads += birads
        known.density = max(filter(None, (known.density, density)), default=None)
        known.pathologies |= pathologies
        known.findings |= findings_of(f'{row["findings"]}$ {row["tags"]}')
    for key, known in facts.items():
        listed = {name for name, keys in workbook.sheets.items() if key in keys}
        known.findings = listed or known.findings
    return facts


def _read_regions(
    folder: RawFolder,
    file: Path,
    images: dict[ImageKey, list[Path]],
    catalogue: Catalogue,
) -> dict[ImageKey, list[Polygon]]:
    regions: dict[ImageKey, list[Polygon]] = {}
    for row in folder.table(file, _REGION_COLUMNS):
        item = f'{file.name}: row {row["row"]}'
        if row['count'] == '0' or row['shape'] in ('', '{}'):
            continue  # VIA's row for an image without a region
        key = image_key(row['image'])
        if key is None:
            catalogue.skip(item, 'image name that is not understood', row['image'])
            continue
        if key not in images:
            catalogue.skip(item, 'region of a missing image', row['image'])
            continue
        try:
            polygon = region_polygon(row['shape'])
        except RegionError as error:
            catalogue.skip(item, str(error), row['image'])
            continue
        outlines = regions.setdefault(key, [])
        if polygon in outlines:
            catalogue.skip(item, 'repeated region', row['image'])
        else:
            outlines.append(polygon)
    return regions


def _category(findings: set[str]) -> str:
    categories = {_CATEGORIES[name] for name in findings}
    return categories.pop() if len(categories) == 1 else 'other'


def _densities(facts: dict[ImageKey, ImageFacts]) -> dict[ImageKey, str | None]:
    """Return the density of each image, or else that of its breast."""
    breasts: dict[tuple, set[str]] = defaultdict(set)
    for key, known in facts.items():
        if known.density:
            breasts[key[:2]].add(known.density)
    return {
        key: known.density
        or (min(breasts[key[:2]]) if len(breasts[key[:2]]) == 1 else None)
        for key, known in facts.items()
    }


def _view(
    key: ImageKey,
    file: Path,
    known: ImageFacts,
    category: str,
    outlines: list[Polygon],
    density: str | None,
) -> RawView:
    patient, laterality, kind, view, _ = key
    pathology = known.pathology if known.pathology != 'normal' else None
    abnormal = None if known.pathology is None else known.pathology != 'normal'
    if outlines and not abnormal:
        abnormal = None
    alone = len(outlines) == 1
    lesions = [
        RawLesion(
            category,
            polygons=[outline],
            birads=known.birads[0] if alone and len(known.birads) == 1 else None,
            pathology=pathology if alone or pathology == 'benign' else None,
        )
        for outline in outlines
    ]
    return RawView(
        file,
        exam_id=f'P{patient}',
        patient_id=f'P{patient}',
        laterality=laterality,
        view=view,
        modality=_MODALITIES[kind],
        birads=most_concerning(known.birads),
        density=density,
        pathology=pathology,
        abnormal=abnormal,
        lesions=lesions,
        extra=dict(findings=sorted(known.findings)),
    )


def _notes(
    images: dict[ImageKey, list[Path]],
    facts: dict[ImageKey, ImageFacts],
    ambiguous: int,
    contradictions: int,
) -> list[str]:
    taken = Counter(patient for patient, *_ in {key[:4] for key in images})
    further = sum(key[4] > 0 for key in images)
    complete = sum(count == 8 for count in taken.values())
    findings = Counter(name for known in facts.values() for name in known.findings)
    listed = ', '.join(
        f'{name} {findings[name]}' for name in _CATEGORIES if findings[name]
    )
    notes = [
        f'{complete} of {len(taken)} exams have all four low-energy and all four '
        'recombined images',
        f'images by finding (those with several count for each): {listed or "none"}',
        'no official split: patients are split by ratio',
    ]
    if ambiguous:
        notes.append(
            f"{ambiguous} outlines have the category 'other', for their views have "
            'findings of several kinds and it is not told which is which'
        )
    if contradictions:
        notes.append(
            f"{contradictions} views are 'Normal' in the workbook, yet have "
            "an outline: their 'abnormal' is unknown"
        )
    if further:
        notes.append(
            f'{further} images are further ones of a view, such as '
            'P99_L_DM_MLO_2.jpg: an exam has one of each view'
        )
    unlisted = len(set(images) - set(facts))
    if unlisted:
        notes.append(
            f'{unlisted} images are not in the workbook: their BI-RADS, '
            'density and pathology are unknown'
        )
    return notes
