"""VinDr-Mammo: fixtures in the form of its tables.

Columns, values and the list as text are those of the PhysioNet page of version
1.0.0 and of ``split_data.ipynb`` of the data set's authors, which parses the cells
as lists and tells findings with a BI-RADS (3 to 5) from those without (lymph node,
skin thickening, retractions, 'No Finding').
"""

import csv
import io
import json
import pickle
from collections import Counter
from pathlib import Path

import pytest
from small_dicom import write_dicom

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.vindr_mammo import VinDrMammoConverter

BREAST = [
    'study_id',
    'series_id',
    'laterality',
    'view_position',
    'height',
    'width',
    'breast_birads',
    'breast_density',
    'split',
    'image_id',
]
FINDING = [
    'study_id',
    'series_id',
    'image_id',
    'laterality',
    'view_position',
    'height',
    'width',
    'breast_birads',
    'breast_density',
    'finding_categories',
    'finding_birads',
    'xmin',
    'ymin',
    'xmax',
    'ymax',
    'split',
]
BOX = (10.5, 20.25, 30.75, 44.0)


def image(
    study,
    side='L',
    view='CC',
    birads='BI-RADS 1',
    density='DENSITY C',
    split='training',
    **more,
):
    row = dict(
        study_id=study,
        series_id=f'series{study}',
        laterality=side,
        view_position=view,
        height='96',
        width='64',
        breast_birads=birads,
        breast_density=density,
        split=split,
        image_id=f'{study}{side}{view}'.lower(),
    )
    return {**row, **more}


def finding(of, kinds, box=None, birads='', **more):
    row = {key: of[key] for key in BREAST}
    corners = ('',) * 4 if box is None else box
    row.update(
        zip(('xmin', 'ymin', 'xmax', 'ymax'), map(str, corners)),
        finding_categories=kinds,
        finding_birads=birads,
    )
    return {**row, **more}


def table(columns, rows, **style):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction='ignore', **style)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def write(tmp_path):
    """Write the two tables and, empty, the images that are not in ``without``."""

    def write(images, findings, without=(), under='.', suffix='.dicom'):
        root = tmp_path / 'raw'
        base = root / under
        base.mkdir(parents=True, exist_ok=True)
        (base / 'breast-level_annotations.csv').write_text(table(BREAST, images))
        (base / 'finding_annotations.csv').write_text(table(FINDING, findings))
        for row in images:
            if row['image_id'] not in without:
                folder = base / 'images' / row['study_id']
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f'{row["image_id"]}{suffix}').touch()
        return root

    return write


def catalogue(root):
    found = VinDrMammoConverter().catalogue(root)
    return found, Counter(skip.reason for skip in found.skipped)


def four(study, **settings):
    return [
        image(study, side, view, **settings) for side in 'LR' for view in ('CC', 'MLO')
    ]


def test_labels_and_lesions(write):
    images = [
        *four('aa'),
        *four('bb', birads='BI-RADS 4', density='DENSITY A', split='test'),
    ]
    findings = [finding(row, "['No Finding']") for row in images[:5]]
    findings += [
        finding(images[5], "['Suspicious Calcification', 'Mass']", BOX, 'BI-RADS 4'),
        finding(images[5], "['Skin Thickening']", (0, 0, 5, 90)),
        finding(images[6], "['Focal Asymmetry']", BOX, 'BI-RADS 3'),
        finding(images[7], "['No Finding']"),
    ]
    found, skipped = catalogue(write(images, findings))
    assert not skipped
    assert [(v.laterality, v.view) for v in found.views[:4]] == [
        ('L', 'CC'),
        ('L', 'MLO'),
        ('R', 'CC'),
        ('R', 'MLO'),
    ]
    normal, marked = found.views[0], found.views[5]
    assert normal.file == Path('images/aa/aalcc.dicom')
    assert (normal.exam_id, normal.patient_id, normal.part) == ('aa', 'aa', 'train')
    assert (normal.birads, normal.density, normal.abnormal) == ('1', 'C', False)
    assert not normal.lesions and normal.extra == dict(finding_kinds=[])
    assert (marked.birads, marked.density, marked.abnormal) == ('4', 'A', True)
    assert marked.part == 'test' and marked.pathology is None
    # one box is one lesion, whatever the order of its kinds in the list
    mass, skin = marked.lesions
    assert (mass.category, mass.birads, mass.box) == ('mass', '4', BOX)
    assert mass.lesion_id is None and mass.pathology is None
    assert (skin.category, skin.birads) == ('skin thickening', None)
    assert marked.extra['finding_kinds'] == ['mass', 'calcification', 'skin thickening']
    assert found.views[6].lesions[0].category == 'focal asymmetry'
    assert not found.views[7].lesions and found.views[7].abnormal
    notes = '\n'.join(found.notes)
    assert '1 of 3 boxes have several kinds' in notes
    assert 'mass 1, calcification 1, focal asymmetry 1, skin thickening 1' in notes
    assert 'Breasts with CC and MLO by BI-RADS: 1 2, 4 2.' in notes


def test_every_kind_of_the_authors_is_a_category(write):
    # ALL_LESIONS of split_data.ipynb, less 'No Finding'
    names = [
        'Suspicious Lymph Node',
        'Mass',
        'Suspicious Calcification',
        'Asymmetry',
        'Focal Asymmetry',
        'Global Asymmetry',
        'Architectural Distortion',
        'Skin Thickening',
        'Skin Retraction',
        'Nipple Retraction',
    ]
    row = image('aa', birads='BI-RADS 5')
    found, skipped = catalogue(
        write(
            [row],
            [
                finding(row, f"['{name}']", (i, i, i + 5, i + 5))
                for i, name in enumerate(names)
            ],
        )
    )
    assert not skipped
    kinds = [lesion.category for lesion in found.views[0].lesions]
    assert sorted(kinds) == sorted(VinDrMammoConverter.categories)
    assert VinDrMammoConverter.categories[0] == 'mass'


def test_rows_of_one_box_are_one_lesion(write):
    row = image('aa', birads='BI-RADS 4')
    other = (1, 2, 3, 4)
    found, skipped = catalogue(
        write(
            [row],
            [
                finding(row, "['Suspicious Calcification']", BOX, 'BI-RADS 3'),
                finding(row, "['Mass']", BOX, 'BI-RADS 4'),
                finding(row, "['Mass']", other, 'BI-RADS 4'),
                finding(row, "['Mass']", other, 'BI-RADS 4'),
            ],
        )
    )
    assert skipped == {'another row of the same box': 2}
    assert [(les.category, les.birads) for les in found.views[0].lesions] == [
        ('mass', '4'),
        ('mass', '4'),
    ]
    assert '1 of 2 boxes have several kinds' in found.notes[0]


def test_broken_findings_are_counted(write):
    row = image('aa', birads='BI-RADS 4')
    gone = image('zz')
    found, skipped = catalogue(
        write(
            [row],
            [
                finding(row, "['No Finding']", BOX),
                finding(row, "['Mass']", None, 'BI-RADS 4'),
                finding(row, "['Mass']", ('1', '2', 'x', '4')),
                finding(row, "['Mass']", ('1', '2', 'nan', '4')),
                finding(row, '', BOX),
                finding(row, "['Cyst']", BOX),
                finding(row, "['Cyst', 'Mass'", (0, 0, 1, 1), 'BI-RADS X'),
                finding(row, "__import__('os').getcwd()", BOX),
                finding(row, "['Mass']", (30, 40, 10, 20)),
                finding(gone, "['Mass']", BOX),
            ],
        )
    )
    assert skipped == {
        'box of a "No Finding" row': 1,
        'finding without four corners': 3,
        'finding without a kind': 1,
        'kind of finding that is not known': 3,
        'finding BI-RADS that is not known': 1,
        'finding of an image that is not in the breast table': 1,
    }
    assert [(les.category, les.birads, les.box) for les in found.views[0].lesions] == [
        ('mass', None, (0, 0, 1, 1)),
        ('mass', None, (10, 20, 30, 40)),
    ]
    assert any('1 boxes had xmin above xmax' in note for note in found.notes)


@pytest.mark.parametrize(
    'cell',
    [
        "['Mass']",
        '["Mass"]',
        "[ 'mass' ]",
        "('Mass',)",
        "'Mass'",
        'Mass',
        '[Mass]',
        "['Mass', 'No Finding']",
        "['Mass'",
    ],
)
def test_spellings_of_the_list(write, cell):
    row = image('aa', birads='BI-RADS 4')
    found, skipped = catalogue(write([row], [finding(row, cell, BOX)]))
    assert not skipped
    assert [lesion.category for lesion in found.views[0].lesions] == ['mass']


def test_broken_images_are_counted(write):
    images = [
        image('aa'),
        image('aa', side='LEFT', view='mlo', birads='2', density='d', image_id='aa2'),
        image('aa', side='B', image_id='aa3'),
        image('aa', view='ML', image_id='aa4'),
        image('aa', 'R', birads='BI-RADS', density='', image_id='aa5'),
        image('aa'),
        image('aa', birads='BI-RADS 5'),
        image('bb'),
        image('cc', split=''),
        image('aa', 'R', 'MLO', split='', image_id='aa6'),
        image('', image_id='x'),
    ]
    found, skipped = catalogue(write(images, [], without={'bblcc'}))
    assert skipped == {
        'laterality that is not L or R': 1,
        'view that is not CC or MLO': 1,
        'breast BI-RADS that is not known': 1,
        'row that repeats an image': 1,
        'row that contradicts an earlier one of the same image': 1,
        'image not found': 1,
        'study without a part of the official split': 1,
        'row without study_id or image_id': 1,
    }
    facts = [
        (v.laterality, v.view, v.birads, v.density, v.abnormal, v.part)
        for v in found.views
    ]
    assert facts == [
        ('L', 'CC', '1', 'C', False, 'train'),
        ('L', 'MLO', '2', 'D', True, 'train'),
        ('R', 'CC', None, None, None, 'train'),
        ('R', 'MLO', '1', 'C', False, 'train'),
    ]
    assert any('4 images have no row' in note for note in found.notes)


def test_a_study_of_two_parts_stays_whole(write):
    images = [*four('aa'), *four('bb'), *four('cc')]
    images[3]['split'] = 'test'
    for row in images[4:6]:
        row['split'] = 'test'
    found, skipped = catalogue(write(images, []))
    assert not skipped
    assert [v.part for v in found.views] == ['train'] * 4 + ['test'] * 4 + ['train'] * 4
    assert any(
        note.startswith('2 studies have images of several parts')
        for note in found.notes
    )


def test_size_by_the_table(write):
    images = [image('aa'), image('bb', height='96.0'), image('cc', height='')]
    assert [v.size for v in catalogue(write(images, []))[0].views] == [
        (96, 64),
        (96, 64),
        None,
    ]


def test_tables_without_a_split_have_no_parts(write):
    found, skipped = catalogue(write([image('aa', split='')], []))
    assert not skipped and found.views[0].part is None


@pytest.mark.parametrize(
    'under, suffix',
    [('physionet.org/files/vindr-mammo/1.0.0', '.dicom'), ('.', '.DCM'), ('.', '')],
)
def test_as_downloads_come(write, under, suffix):
    images = four('aa')
    root = write(images, [], under=under, suffix=suffix)
    (root / under / 'images/aa' / f'._{images[0]["image_id"]}{suffix}').touch()
    (root / under / 'images/aa' / f'{images[0]["image_id"]}.png').touch()
    found, skipped = catalogue(root)
    assert not skipped
    assert all((root / view.file).is_file() for view in found.views)
    assert {view.file.suffix for view in found.views} == {suffix}
    assert not any(view.file.name.startswith('.') for view in found.views)


def test_spreadsheet_exports(write, tmp_path):
    row = image('aa', birads='BI-RADS 4')
    root = write([row], [])
    found = finding(row, "['Mass']", ('10,5', '20,25', '30,75', '44'), 'BI-RADS 4')
    (root / 'finding_annotations.csv').write_bytes(
        table(FINDING, [found], delimiter=';').encode('utf-8-sig')
    )
    assert catalogue(root)[0].views[0].lesions[0].box == BOX


def test_a_wrong_folder_is_named(tmp_path, write):
    with pytest.raises(ConversionError, match='breast-level_annotations.csv'):
        VinDrMammoConverter().catalogue(tmp_path)
    root = write([image('aa')], [])
    (root / 'finding_annotations.csv').unlink()
    with pytest.raises(ConversionError, match='no table finding_annotations.csv'):
        VinDrMammoConverter().catalogue(root)
    (root / 'finding_annotations.csv').write_text('a,b\n1,2\n')
    with pytest.raises(ConversionError, match="no column 'image_id'"):
        VinDrMammoConverter().catalogue(root)


def test_it_goes_to_other_processes():
    assert pickle.loads(pickle.dumps(VinDrMammoConverter())).name == 'VinDr-Mammo'


def test_numbers_with_commas(write):
    """As a spreadsheet of another country writes the table anew."""
    images = [image('aa', birads='BI-RADS 4'), image('bb', birads='BI-RADS 4')]
    found, skipped = catalogue(
        write(
            images,
            [
                finding(
                    images[0], "['Mass']", ('1,060.5', '2', '1,160', '30'), 'BI-RADS 4'
                ),
                finding(images[1], "['Mass']", ('10', '2', 'nan', '30'), 'BI-RADS 4'),
            ],
        )
    )
    assert found.views[0].lesions[0].box == (1060.5, 2, 1160, 30)
    assert found.views[1].lesions == []
    assert skipped == {'finding without four corners': 1}
    assert found.skipped[0].detail == "'10', '2', 'nan', '30'"


def test_the_command_writes_the_official_parts(write, tmp_path, run_tool):
    images = [
        image('aa', birads='BI-RADS 4'),
        image('bb'),
        image('cc', 'R', split='test', birads='BI-RADS 2'),
        # in both parts, as often in each: test
        image('cc', 'L', split='training', birads='BI-RADS 2'),
    ]
    findings = [
        finding(images[0], "['Mass']", (10, 20, 100, 50), 'BI-RADS 4'),
        finding(images[0], "['Mass']", (70, 20, 90, 50), 'BI-RADS 4'),
    ]
    root = write(images, findings)
    for row in images:
        write_dicom(
            root / 'images' / row['study_id'] / f'{row["image_id"]}.dicom',
            row['laterality'],
        )
    done = run_tool(
        'tools/dataset_converters/vindr_mammo.py',
        root,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
        '--val-share',
        0,
    )
    assert done.returncode == 0, done.err
    data = {
        part: json.loads((tmp_path / f'out/annotations/{part}.json').read_text())
        for part in ('train', 'test')
    }
    assert [im['exam_id'] for im in data['train']['images']] == ['aa', 'bb']
    assert [im['exam_id'] for im in data['test']['images']] == ['cc', 'cc']
    (box,) = data['train']['annotations']
    assert box['bbox'] == [10, 20, 54, 30] and box['birads'] == '4'  # cut at 64
    assert data['test']['images'][0]['birads'] == '2'
    summary = json.loads((tmp_path / 'out/summary.json').read_text())
    assert summary['skipped'] == {
        'outline clipped at the edge of its image': 1,
        'outline outside its image': 1,
    }
