"""CDD-CESM, on small files of the form that its readers describe.

Names, columns and sheets are those that the authors' helper repository
(omar-mohamed/CDD-CESM-Dataset) and Khaled et al. (Scientific Data 9:122, 2022) use:
``$`` between the values of several findings, '_' for none, the density in the rows of
low-energy images only, blanks at the end of image names. Regions are in the CSV form
that the VGG Image Annotator, version 2, writes.
"""

import csv
import json
import math
import pickle

import cv2
import numpy as np
import openpyxl
import pytest

from mammo_plugins.converters import ConversionError, Split, convert
from mammo_plugins.converters.cdd_cesm import CDDCESMConverter
from mammo_plugins.converters.cdd_cesm_tables import (
    findings_of,
    image_key,
    parse_pathologies,
)
from mammo_plugins.converters.via import RegionError, region_polygon
from mammo_plugins.structures import load_coco_exam

LOW, SUBTRACTED = ('Low energy images of CDD-CESM', 'Subtracted images of CDD-CESM')
HEADER = (
    'Image_name',
    'Patient_ID',
    'Side',
    'Type',
    'Age',
    'Breast density (ACR)',
    'BIRADS',
    'Findings',
    'View',
    'Tags',
    'Machine',
    'Pathology Classification/ Follow up',
)
VIA_HEADER = (
    '#filename',
    'file_size',
    'file_attributes',
    'region_count',
    'region_id',
    'region_shape_attributes',
    'region_attributes',
)
SQUARE = dict(
    name='polygon', all_points_x=[10, 20, 20, 10], all_points_y=[30, 30, 50, 50]
)
CIRCLE = dict(name='circle', cx=30, cy=40, r=8)


def row(name, birads='1', density='_', pathology='Normal', findings='_', tags='_'):
    patient, side, kind, view = name.strip().split('_')[:4]
    return (
        name,
        int(patient[1:]),
        side,
        dict(DM='DM', CM='CESM')[kind],
        50,
        density,
        birads,
        findings,
        view,
        tags,
        1,
        pathology,
    )


@pytest.fixture
def raw(tmp_path):
    return tmp_path / 'raw'


@pytest.fixture
def write(raw, write_picture):
    """Write a data set of given images, rows, sheets and (image, shape) regions."""

    def write(images, rows, sheets=None, regions=(), nested='PKG/CDD-CESM'):
        for i, name in enumerate(images):
            folder = LOW if '_DM_' in name else SUBTRACTED
            write_picture(
                raw / nested / folder / f'{name}.jpg',
                'left' if '_L_' in name else 'right',
                seed=i,
            )
        book = openpyxl.Workbook()
        book.active.title = 'mass_description'  # not the first sheet is 'all'
        sheets = dict(sheets or {})
        for title in ('mass_description', *sheets, 'all'):
            sheet = book[title] if title in book else book.create_sheet(title)
            if sheet.max_row == 1 and title != 'all':
                sheet.append(('Image_name', 'Mass shape'))
        for title, names in sheets.items():
            for name in names:
                book[title].append((name, 'oval'))
        book['all'].append(HEADER)
        for line in rows:
            book['all'].append(line)
        book.save(raw / 'Radiology-manual-annotations.xlsx')
        write_regions(raw / 'Radiology_hand_drawn_segmentations_v2.csv', regions)
        return CDDCESMConverter().catalogue(raw)

    return write


def write_regions(path, regions):
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(VIA_HEADER)
        for i, (name, shape) in enumerate(regions):
            text = shape if isinstance(shape, str) else json.dumps(shape)
            writer.writerow(
                (f'{name}.jpg', 1000, '{}', 0 if text == '{}' else 1, i, text, '{}')
            )


def by_name(catalogue):
    return {view.file.stem.replace(' ', ''): view for view in catalogue.views}


def reasons(catalogue):
    counts = {}
    for skip in catalogue.skipped:
        counts[skip.reason] = counts.get(skip.reason, 0) + 1
    return counts


def test_views_and_their_labels(write):
    images = ['P1_L_DM_CC', 'P1_L_CM_CC', 'P1_L_CM_MLO ', 'P1_R_DM_CC', 'P20_R_CM_MLO']
    views = by_name(
        write(
            images,
            [
                row('P1_L_DM_CC ', '4$2', ' c', 'Malignant'),
                row('P1_L_CM_CC', '5', '_', 'Benign$Malignant'),
                row('P1_L_CM_MLO', '0$2', '_', 'Benign'),
                row('P1_R_DM_CC', 1, 'A', 'Normal'),
                row('P20_R_CM_MLO', '_', '_', '_'),
            ],
        )
    )
    view = views['P1_L_DM_CC']
    assert (view.exam_id, view.patient_id) == ('P1', 'P1')
    assert (view.laterality, view.view, view.modality) == ('L', 'CC', 'CEM-LE')
    assert view.file.as_posix() == f'PKG/CDD-CESM/{LOW}/P1_L_DM_CC.jpg'
    facts = {
        name: (v.modality, v.birads, v.density, v.pathology, v.abnormal)
        for name, v in views.items()
    }
    assert facts == {
        'P1_L_DM_CC': ('CEM-LE', '4', 'C', 'malignant', True),
        # the density of the same breast; the right one's is no help
        'P1_L_CM_CC': ('CEM-RC', '5', 'C', 'malignant', True),
        'P1_L_CM_MLO': ('CEM-RC', '0', 'C', 'benign', True),
        'P1_R_DM_CC': ('CEM-LE', '1', 'A', None, False),
        'P20_R_CM_MLO': ('CEM-RC', None, None, None, None),
    }


def test_patients_are_in_the_order_of_their_numbers(write):
    names = ['P10_L_DM_CC', 'P9_L_DM_CC', 'P100_L_DM_CC']
    catalogue = write(names, [row(name) for name in names])
    assert [view.exam_id for view in catalogue.views] == ['P9', 'P10', 'P100']
    pickle.dumps(CDDCESMConverter())


def test_further_images_of_a_view(write):
    """Each has the labels and regions of its own; P99 and P1 have such names."""
    names = ['P99_L_DM_MLO', 'P99_L_DM_MLO_2', 'P1_L_DM_MLO2', 'P1_L_DM_MLO']
    catalogue = write(
        names,
        [
            row('P99_L_DM_MLO', '1'),
            row('P99_L_DM_MLO_2', '5', pathology='Malignant'),
            row('P1_L_DM_MLO2', '3', pathology='Benign'),
            row('P1_L_DM_MLO', '2'),
        ],
        regions=[('P99_L_DM_MLO_2', SQUARE), ('P1_L_DM_MLO2 ', CIRCLE)],
    )
    assert reasons(catalogue) == {}
    assert [
        (view.file.stem, view.exam_id, view.view, view.birads, len(view.lesions))
        for view in catalogue.views
    ] == [
        ('P1_L_DM_MLO', 'P1', 'MLO', '2', 0),
        ('P1_L_DM_MLO2', 'P1', 'MLO', '3', 1),
        ('P99_L_DM_MLO', 'P99', 'MLO', '1', 0),
        ('P99_L_DM_MLO_2', 'P99', 'MLO', '5', 1),
    ]
    assert any('2 images are further ones of a view' in n for n in catalogue.notes)


def test_kinds_of_lesions(write):
    images = [f'P{i}_L_CM_CC' for i in range(1, 7)]
    catalogue = write(
        images,
        [
            row(images[0], '4', pathology='Malignant'),
            row(images[1], '4', pathology='Malignant'),
            row(images[2], '4$3', pathology='Malignant'),
            row(
                images[3],
                '3',
                pathology='Benign',
                findings='Upper oval mass$no asymmetry',
            ),
            row(images[4], '2', pathology='Benign'),
            row(images[5], '2', pathology='Benign'),
        ],
        {
            'mass enhancement_description': [images[0], images[2]],
            'nonmass enhancement_description': [images[1] + ' ', images[2]],
            'postneoajuvant chemotherapy': [images[5]],
        },
        [(image, SQUARE) for image in images],
    )
    kinds = [[lesion.category for lesion in view.lesions] for view in catalogue.views]
    assert kinds == [
        ['mass'],
        ['non-mass enhancement'],
        ['other'],
        ['mass'],
        ['other'],
        ['other'],
    ]
    assert catalogue.views[2].extra == {
        'findings': ['mass enhancement', 'non-mass enhancement']
    }
    notes = '\n'.join(catalogue.notes)
    assert (
        'mass 1, mass enhancement 2, non-mass enhancement 2, change after '
        'chemotherapy 1'
    ) in notes
    assert "1 outlines have the category 'other'" in notes


def test_what_a_lesion_has_of_its_view(write):
    catalogue = write(
        ['P1_L_CM_CC', 'P2_L_CM_CC', 'P3_L_CM_CC', 'P4_L_CM_CC', 'P5_L_CM_CC'],
        [
            row('P1_L_CM_CC', '5', pathology='Malignant'),
            row('P2_L_CM_CC', '5', pathology='Malignant'),
            row('P3_L_CM_CC', '3', pathology='Benign'),
            row('P4_L_CM_CC', '4$2', pathology='Malignant'),
            row('P5_L_CM_CC', '1', pathology='Normal'),
        ],
        regions=[
            ('P1_L_CM_CC', SQUARE),
            ('P2_L_CM_CC', SQUARE),
            ('P2_L_CM_CC', CIRCLE),
            ('P3_L_CM_CC', SQUARE),
            ('P3_L_CM_CC', CIRCLE),
            ('P4_L_CM_CC', SQUARE),
            ('P5_L_CM_CC', SQUARE),
        ],
    )
    facts = [
        [(lesion.birads, lesion.pathology) for lesion in view.lesions]
        for view in catalogue.views
    ]
    assert facts == [
        [('5', 'malignant')],
        [(None, None)] * 2,
        [(None, 'benign')] * 2,
        [(None, 'malignant')],
        [('1', None)],
    ]
    assert all(
        lesion.lesion_id is None for view in catalogue.views for lesion in view.lesions
    )
    assert [view.abnormal for view in catalogue.views] == [True] * 4 + [None]
    assert any('1 views are' in note for note in catalogue.notes)


def test_regions_that_are_left_out(write):
    catalogue = write(
        ['P1_L_CM_CC'],
        [row('P1_L_CM_CC')],
        regions=[
            ('P1_L_CM_CC ', SQUARE),
            ('P1_L_CM_CC', SQUARE),
            ('P1_L_CM_CC', dict(name='point', cx=5, cy=5)),
            ('P1_L_CM_CC', dict(name='blob', cx=5, cy=5)),
            ('P1_L_CM_CC', dict(name='ellipse', cx=5, cy=5, rx=3)),
            ('P1_L_CM_CC', 'no JSON'),
            ('P1_L_CM_CC', '{}'),
            ('P77_L_CM_CC', SQUARE),
            ('somewhere else', SQUARE),
        ],
    )
    assert [lesion.polygons for lesion in catalogue.views[0].lesions] == [
        [[(10, 30), (20, 30), (20, 50), (10, 50)]]
    ]
    assert reasons(catalogue) == {
        'repeated region': 1,
        'region without area, such as a point': 1,
        'region that cannot be read': 3,
        'region of a missing image': 1,
        'image name that is not understood': 1,
    }
    assert 'segmentations_v2.csv: row 3' in catalogue.skipped[0].item


def test_rows_that_are_left_out(write, raw, write_picture):
    write_picture(raw / 'P3_L_DM_XCCL.jpg')
    write_picture(raw / 'copy/P1_L_DM_CC.jpg')  # sorts before the true one
    write_picture(raw / 'figure.jpg')
    catalogue = write(
        ['P1_L_DM_CC', 'P1_L_DM_MLO', 'P2_L_DM_CC'],
        [
            row('P1_L_DM_CC', '2', 'B', 'Benign'),
            row('P1_L_DM_CC', '2', 'B', 'Benign'),
            row('P1_L_DM_CC', '4', 'B', 'Benign'),
            row('P1_L_DM_MLO', '7', 'fatty', 'follow up'),
            row('P8_L_DM_CC', '2'),
        ],
        nested='x',
    )
    assert reasons(catalogue) == {
        'image name that is not understood': 1,  # the file
        'repeated row': 1,
        'missing image': 1,
        'value that is not understood': 3,
    }
    columns = [
        skip.item for skip in catalogue.skipped if skip.reason.startswith('value')
    ]
    assert columns[1] == (
        'Radiology-manual-annotations.xlsx: row 5, column Breast density (ACR)'
    )
    true, copy, unclear, unlisted = catalogue.views
    assert (true.birads, true.file.parts[0], copy.file.parts[0]) == ('4', 'x', 'copy')
    assert (unclear.birads, unclear.pathology, unclear.abnormal) == (None, None, None)
    assert unclear.density == 'B'  # of its breast
    assert unlisted.birads is None
    assert any('1 images are not in the workbook' in n for n in catalogue.notes)


def test_complete_exams_are_told(write):
    names = [
        f'P1_{side}_{kind}_{view}'
        for side in 'LR'
        for kind in ('DM', 'CM')
        for view in ('CC', 'MLO')
    ]
    notes = write([*names, 'P2_L_DM_CC'], [row(name) for name in names]).notes
    assert notes[0].startswith('1 of 2 exams have all four low-energy')


def test_csv_in_place_of_the_workbook(raw, write_picture):
    write_picture(raw / 'P1_L_DM_CC.jpg')
    line = row('P1_L_DM_CC', '4', 'D', 'Malignant', 'speculated mass')
    (raw / 'Radiology manual annotations.csv').write_text(
        ';'.join(HEADER) + '\n' + ';'.join(map(str, line)) + '\n'
    )
    write_regions(
        raw / 'Radiology_hand_drawn_segmentations.csv', [('P1_L_DM_CC', SQUARE)]
    )
    (view,) = CDDCESMConverter().catalogue(raw).views
    assert (view.birads, view.density, view.pathology) == ('4', 'D', 'malignant')
    assert view.lesions[0].category == 'mass'


def test_wrong_folders(raw, write):
    raw.mkdir()
    with pytest.raises(ConversionError, match='no image such as P1_L_DM_MLO.jpg'):
        CDDCESMConverter().catalogue(raw)
    write(['P1_L_DM_CC'], [row('P1_L_DM_CC')])
    table = raw / 'Radiology-manual-annotations.xlsx'
    kept = table.read_bytes()
    table.write_bytes(b'cut')
    with pytest.raises(ConversionError, match='not a readable spreadsheet'):
        CDDCESMConverter().catalogue(raw)
    book = openpyxl.Workbook()
    book.active.append(('something', 'else'))
    book.save(table)
    with pytest.raises(ConversionError, match="sheet 'Sheet': no column 'Image_name';"):
        CDDCESMConverter().catalogue(raw)
    table.unlink()
    with pytest.raises(ConversionError, match='no annotation workbook; expected CDD'):
        CDDCESMConverter().catalogue(raw)
    table.write_bytes(kept)
    (raw / 'Radiology_hand_drawn_segmentations_v2.csv').unlink()
    with pytest.raises(ConversionError, match='no table of outlines'):
        CDDCESMConverter().catalogue(raw)


def area(polygon):
    x, y = np.array(polygon).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_shapes_against_closed_forms():
    circle = region_polygon(json.dumps(CIRCLE))
    assert area(circle) == pytest.approx(math.pi * 64, rel=0.01)
    assert np.hypot(*(np.array(circle) - (30, 40)).T) == pytest.approx(8)
    theta = math.radians(30)
    ellipse = np.array(
        region_polygon(
            json.dumps(dict(name='ellipse', cx=100, cy=80, rx=40, ry=10, theta=theta))
        )
    )
    assert area(ellipse) == pytest.approx(math.pi * 400, rel=0.01)
    # half extents of a turned ellipse; y points down, so its long axis leads
    # from the upper left to the lower right
    assert np.ptp(ellipse[:, 0]) / 2 == pytest.approx(
        math.hypot(40 * math.cos(theta), 10 * math.sin(theta)), rel=0.01
    )
    assert np.ptp(ellipse[:, 1]) / 2 == pytest.approx(
        math.hypot(40 * math.sin(theta), 10 * math.cos(theta)), rel=0.01
    )
    drawn = np.zeros((200, 200), np.uint8)
    cv2.ellipse(drawn, (100, 80), (40, 10), 30, 0, 360, 1, -1)
    ours = np.zeros_like(drawn)
    cv2.fillPoly(ours, [np.rint(ellipse).astype(np.int32)], 1)
    assert (drawn & ours).sum() / (drawn | ours).sum() > 0.95
    rect = region_polygon('{"name": "rect", "x": 3, "y": 4, "width": 5, "height": 6}')
    assert area(rect) == 30 and rect[0] == (3, 4)
    line = dict(SQUARE, name='polyline')
    assert area(region_polygon(json.dumps(line))) == 200


@pytest.mark.parametrize(
    'shape',
    [
        dict(name='circle', cx=1, cy=2, r=0),
        dict(name='rect', x=1, y=2, width=-3, height=4),
        dict(name='polygon', all_points_x=[1, 2, 3], all_points_y=[1, 2]),
        dict(name='polygon', all_points_x=[1, 2], all_points_y=[1, 2]),
        dict(name='circle', cx=math.nan, cy=2, r=3),
        dict(name='circle', cx=None, cy=2, r=3),
        [1],
        'text',
    ],
)
def test_shapes_without_area(shape):
    with pytest.raises(RegionError, match='region (that cannot|without area)'):
        region_polygon(json.dumps(shape))


def test_cells():
    assert parse_pathologies('Normal ') == {'normal'}
    assert parse_pathologies('abnormal') == set()
    assert findings_of('Enhancing mass. No calcifications') == {'mass enhancement'}
    assert findings_of('nonmass enhancement_description') == {'non-mass enhancement'}
    assert findings_of('Heterogenous non mass enhancement $ mass') == {
        'non-mass enhancement',
        'mass',
    }
    assert findings_of('microcalcifications') == {'calcification'}
    assert image_key(' p07_l_cm_mlo .JPG') == (7, 'L', 'CM', 'MLO', 0)
    assert image_key('P1_L_DM_MLO2.jpg') == (1, 'L', 'DM', 'MLO', 2)
    assert image_key('P99_L_DM_MLO_2.jpg') == (99, 'L', 'DM', 'MLO', 2)
    for name in (
        'P7_L_CM_MLO_.jpg',
        'P7_L_CM_MLO__2.jpg',
        'P7_L_CM_MLO (2).jpg',
        'P7_L_CM_LM.jpg',
    ):
        assert image_key(name) is None


def test_conversion(write, raw, tmp_path):
    names = ['P1_L_DM_CC', 'P1_L_CM_CC']
    write(
        names,
        [
            row('P1_L_DM_CC', '4', 'B', 'Malignant'),
            row('P1_L_CM_CC', '5', '_', 'Malignant'),
        ],
        {'mass enhancement_description': ['P1_L_CM_CC']},
        [('P1_L_CM_CC', CIRCLE)],
    )
    # a grey picture saved with three channels, as most programs do
    colour = raw / 'PKG/CDD-CESM' / LOW / 'P1_L_DM_CC.jpg'
    grey = cv2.imread(str(colour), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(colour), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    summary = convert(
        CDDCESMConverter(),
        raw,
        tmp_path / 'out',
        Split('ratio', dict(train=1.0, val=0.0, test=0.0)),
        tmp_path / 'cache',
    )
    assert summary['skipped'] == {}
    data = load_coco_exam(tmp_path / 'out/annotations/train.json')
    assert [c['name'] for c in data['categories']] == list(CDDCESMConverter.categories)
    low, subtracted = sorted(data['images'], key=lambda im: im['modality'])
    assert (low['modality'], subtracted['modality']) == ('CEM-LE', 'CEM-RC')
    (lesion,) = data['annotations']
    assert lesion['image_id'] == subtracted['id'] and lesion['category_id'] == 1
    assert lesion['bbox'] == pytest.approx([22, 32, 16, 16])
    assert lesion['area'] == pytest.approx(math.pi * 64, rel=0.05)
    assert (lesion['birads'], lesion['pathology']) == ('5', 'malignant')
