"""EMBED: fixtures in the form of its two tables.

Columns, letters and the forms of ROI_coords are those that README and
``Sample_Notebook.ipynb`` of Emory-HITI/EMBED_Open_Data show; IDs are made up. The true
tables were not at hand.
"""

import csv
import json
import pickle
from collections import Counter
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from small_dicom import write_dicom

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.choice import choose_views
from mammo_plugins.converters.embed import EMBEDConverter

META = [
    'empi_anon',
    'acc_anon',
    'anon_dicom_path',
    'FinalImageType',
    'ImageLateralityFinal',
    'ViewPosition',
    'spot_mag',
    'num_roi',
    'ROI_coords',
    'Rows',
    'Columns',
    'BreastImplantPresent',
    '0_ViewCodeSequence_0_ViewModifierCodeSequence_CodeMeaning',
]
CLINICAL = [
    'empi_anon',
    'acc_anon',
    'desc',
    'numfind',
    'side',
    'asses',
    'tissueden',
    'massshape',
    'massmargin',
    'massdens',
    'calcfind',
    'calcdistri',
    'calcnumber',
    'path_severity',
    'bside',
    'implanfind',
]
BUCKET = 's3://embed-dataset-open/images/'
VIEWS = [(side, view) for side in 'LR' for view in ('CC', 'MLO')]


def image(exam, side='L', view='CC', kind='2D', rois='()', patient='7', **more):
    number = more.pop('number', 1)
    name = f'1.4.{exam}{side}{view}{number}.dcm'
    name = f'cohort_1/{patient}/1.2.{exam}/1.3.{exam}/{name}'
    count = rois.count('(') - 1 if rois.startswith('((') else 0
    return {
        'empi_anon': patient,
        'acc_anon': exam,
        'anon_dicom_path': BUCKET + name,
        'FinalImageType': kind,
        'ImageLateralityFinal': side,
        'ViewPosition': view,
        'spot_mag': '',
        'num_roi': str(count),
        'ROI_coords': rois,
        'Rows': '96',
        'Columns': '64',
        'BreastImplantPresent': 'NO',
        **more,
    }


def finding(exam, side='L', asses='N', number=1, patient='7', **more):
    return {
        'empi_anon': patient,
        'acc_anon': exam,
        'numfind': str(number),
        'desc': 'MG Screening Bilateral',
        'side': side,
        'asses': asses,
        'tissueden': '2.0',
        'calcnumber': '0',
        **more,
    }


def four(exam, **settings):
    return [image(exam, side, view, **settings) for side, view in VIEWS]


def local(entry):
    """The file that a row names, in the raw folder."""
    return 'images/' + entry['anon_dicom_path'].partition('images/')[2]


@pytest.fixture
def write(tmp_path):
    """Write both tables and, empty, the images that are not in ``without``."""

    def write(images, findings, without=(), tables=('metadata', 'clinical')):
        root = tmp_path / 'raw'
        for name, header, rows in (
            (tables[0], META, images),
            (tables[1], CLINICAL, findings),
        ):
            path = root / f'tables/EMBED_OpenData_{name}.csv'
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, 'w', newline='') as file:
                writer = csv.DictWriter(file, ['', *header], restval='')
                writer.writeheader()
                writer.writerows(rows)
        for entry in images:
            if entry not in without and 'images/' in entry['anon_dicom_path']:
                (root / local(entry)).parent.mkdir(parents=True, exist_ok=True)
                (root / local(entry)).touch()
        return root

    return write


def catalogue(root):
    found = EMBEDConverter().catalogue(root)
    return found, Counter(skip.reason for skip in found.skipped)


def breasts(found, *names):
    """What is said of each breast; all its views must say the same."""
    facts = {}
    for view in found.views:
        told = tuple(
            view.extra[n] if n in view.extra else getattr(view, n) for n in names
        )
        assert facts.setdefault((view.exam_id, view.laterality), told) == told
    return facts


def test_a_negative_exam_of_one_row_without_a_side(write):
    found, skipped = catalogue(write(four('11'), [finding('11', '', 'N')]))
    assert not skipped
    assert breasts(
        found,
        'birads',
        'density',
        'abnormal',
        'pathology',
        'path_severity',
        'exam_kind',
        'implant',
    ) == dict.fromkeys(
        [('11', 'L'), ('11', 'R')], ('1', 'B', False, None, None, 'screening', False)
    )
    view = found.views[0]
    assert view.file == Path('images/cohort_1/7/1.2.11/1.3.11/1.4.11LCC1.dcm')
    assert (view.exam_id, view.patient_id, view.modality, view.size) == (
        '11',
        '7',
        'FFDM',
        (96, 64),
    )
    assert view.image_kind is None and not view.lesions


@pytest.mark.parametrize(
    'side, both',
    [('B', True), ('', True), ('nan', True), ('L', False), ('left', False)],
)
def test_rows_count_for_the_breast_of_their_side(write, side, both):
    found, skipped = catalogue(
        write(
            four('11'),
            [finding('11', side, 'A', massshape='O'), finding('11', 'R', 'N', 2)],
        )
    )
    assert not skipped
    facts = breasts(found, 'birads', 'abnormal', 'finding_kinds')
    assert facts['11', 'L'] == ('0', True, ['mass'])
    # of two assessments that of more concern counts
    assert facts['11', 'R'] == (('0', True, ['mass']) if both else ('1', False, []))


@pytest.mark.parametrize(
    'letter, birads', [*zip('ANBPSMK', '0123456'), ('X', None), ('', None), ('b', '2')]
)
def test_assessments(write, letter, birads):
    found, skipped = catalogue(write(four('11'), [finding('11', 'B', letter)]))
    assert not skipped
    assert breasts(found, 'birads', 'abnormal')['11', 'R'] == (
        birads,
        None if birads is None else birads != '1',
    )


@pytest.mark.parametrize(
    'severity, pathology',
    [
        ('0', 'malignant'),
        ('0.0', 'malignant'),
        ('1.0', 'malignant'),
        ('2', 'benign'),
        ('3.0', 'benign'),
        ('4', 'benign'),
        ('5', 'benign'),
        ('6.0', None),
    ],
)
def test_pathology(write, severity, pathology):
    found, skipped = catalogue(
        write(
            four('11'),
            [
                finding('11', 'L', 'A', path_severity=severity, bside='L'),
                finding('11', 'R', 'N', 2),
            ],
        )
    )
    assert not skipped
    assert breasts(found, 'pathology', 'path_severity', 'abnormal') == {
        ('11', 'L'): (pathology, int(float(severity)), True),
        ('11', 'R'): (None, None, False),
    }


@pytest.mark.parametrize(
    'side, bside, left, right',
    [
        ('L', '', 0, None),
        ('L', 'L', 0, None),
        ('B', 'R', None, 0),
        ('', 'L', 0, None),
        ('B', '', 0, 0),
        ('B', 'B', 0, 0),
        ('L', 'B', 0, None),
    ],
)
def test_the_side_of_pathology(write, side, bside, left, right):
    found, skipped = catalogue(
        write(four('11'), [finding('11', side, 'A', path_severity='0', bside=bside)])
    )
    assert not skipped
    facts = breasts(found, 'path_severity')
    assert (facts['11', 'L'][0], facts['11', 'R'][0]) == (left, right)
    assert any(
        '1 rows with pathology are of no side' in note for note in found.notes
    ) == (left == right)


def test_pathology_of_the_other_side_than_its_finding_is_not_used(write):
    found, skipped = catalogue(
        write(four('11'), [finding('11', 'L', 'A', path_severity='0', bside='R')])
    )
    assert skipped == {'pathology of the other side than its finding': 1}
    assert breasts(found, 'path_severity', 'pathology', 'birads') == {
        ('11', 'L'): (None, None, '0'),
        ('11', 'R'): (None, None, None),
    }


def test_of_several_results_the_most_severe_counts(write):
    """A biopsy and its surgery are rows of one finding: it is one still."""
    images = [image('11', rois='((10, 5, 30, 25),)')]
    found, skipped = catalogue(
        write(
            images,
            [
                finding('11', 'L', 'S', 1, path_severity='4', massshape='R'),
                finding('11', 'L', 'M', 1, path_severity='1'),
                finding('11', 'L', 'M', 1, path_severity='1'),
            ],
        )
    )
    assert not skipped
    (view,) = found.views
    assert (view.birads, view.pathology, view.extra['path_severity']) == (
        '5',
        'malignant',
        1,
    )
    (lesion,) = view.lesions
    assert (lesion.category, lesion.birads, lesion.pathology) == (
        'mass',
        '5',
        'malignant',
    )
    assert lesion.box == (5, 10, 25, 30)  # from ymin, xmin, ymax, xmax


@pytest.mark.parametrize(
    'desc, abnormal',
    [
        ('MG Screen Bilat w/Tomo/CAD Stnd Protocol', False),
        ('MG Diagnostic Mammo Bilateral', False),
        ('MG Diagnostic Left w/CAD', None),
        ('', None),
    ],
)
def test_the_breast_that_a_report_of_both_does_not_name(write, desc, abnormal):
    found, skipped = catalogue(write(four('11'), [finding('11', 'L', 'A', desc=desc)]))
    assert not skipped
    assert breasts(found, 'abnormal', 'birads', 'pathology')['11', 'R'] == (
        abnormal,
        None,
        None,
    )
    assert any('1 breasts without a row' in note for note in found.notes) == (
        abnormal is False
    )


@pytest.mark.parametrize(
    'cells, kinds',
    [
        (dict(massshape='G'), ['mass']),
        (dict(massmargin='S'), ['mass']),
        (dict(massdens='='), ['mass']),
        (dict(massdens='-'), ['mass']),
        (dict(massdens='nan', massshape='N/A'), []),
        (dict(massshape='F'), ['asymmetry']),
        (dict(massshape='Q'), ['architectural distortion']),
        (dict(calcdistri='G'), ['calcification']),
        (dict(calcfind='K'), ['calcification']),
        (dict(calcnumber='3.0'), ['calcification']),
        (dict(calcnumber='0.0'), []),
        (dict(massshape='O', calcfind='K'), ['mass', 'calcification']),
        (dict(massshape='GR'), []),
        (dict(), []),
    ],
)
def test_kinds_are_those_of_the_authors_notebook(write, cells, kinds):
    found, _ = catalogue(write(four('11'), [finding('11', 'L', 'A', **cells)]))
    assert breasts(found, 'finding_kinds')['11', 'L'] == (kinds,)


def lesions(write, rows, rois='((10, 5, 30, 25),)'):
    found, skipped = catalogue(write([image('11', rois=rois)], rows))
    assert not skipped
    return [(les.category, les.birads, les.pathology) for les in found.views[0].lesions]


def test_what_a_region_is(write):
    """It has no link to a finding: more than one leaves it open."""
    mass = finding('11', 'L', 'S', 1, massshape='O', path_severity='4')
    both = finding('11', 'L', 'S', 1, massshape='O', calcfind='K')
    calc = finding('11', 'L', 'A', 2, calcfind='K')
    other = finding('11', 'R', 'M', 3, massshape='F', path_severity='0')
    negative = finding('11', 'L', 'N', 4)
    assert lesions(write, [mass, other, negative]) == [('mass', '4', 'benign')]
    assert lesions(write, [both]) == [('mass', '4', None)]
    assert lesions(write, [mass, calc]) == [('finding', None, None)]
    assert lesions(write, [mass, dict(mass, numfind='2')]) == [('mass', None, None)]
    assert lesions(write, [finding('11', 'L', 'A')]) == [('finding', '0', None)]
    # two regions, of which one may be something else
    assert (
        lesions(write, [mass], '((1, 2, 3, 4), (5, 6, 7, 8))')
        == [('mass', None, None)] * 2
    )
    assert lesions(write, []) == [('finding', None, None)]


@pytest.mark.parametrize(
    'rois, boxes',
    [
        ('()', 0),
        ('', 0),
        ('[]', 0),
        ('nan', 0),
        ('((),)', 0),
        ('((10, 5, 30, 25),)', 1),
        ('[[10, 5, 30, 25]]', 1),
        ('[10, 5, 30, 25]', 1),
        ('[[[10, 5, 30, 25]]]', 1),
        ('((10.0, 5.5, 30, 25), ())', 1),
        ('((10, 5, 30, 25), (40, 5, 60, 25))', 2),
        ('(([10, 5, 30, 25], [40, 5, 60, 25]), [1, 2, 3, 4])', 3),
    ],
)
def test_forms_of_the_regions(write, rois, boxes):
    found, skipped = catalogue(write([image('11', rois=rois, num_roi=str(boxes))], []))
    assert not skipped
    assert len(found.views[0].lesions) == boxes


@pytest.mark.parametrize(
    'rois, kept, reasons',
    [
        (
            '((10, 5, 30),)',
            0,
            {'ROI_coords that is not a list of four numbers each': 1},
        ),
        (
            '((10, 5, 30, x),)',
            0,
            {'ROI_coords that is not a list of four numbers each': 1},
        ),
        (
            '((10, 5, 30, 1e999),)',
            0,
            {'ROI_coords that is not a list of four numbers each': 1},
        ),
        (
            '__import__("os").getcwd()',
            0,
            {'ROI_coords that is not a list of four numbers each': 1},
        ),
        (
            '((30, 5, 10, 25), (1, 2, 3, 4))',
            1,
            {'region that ends before it starts': 1},
        ),
        ('((10, 70, 30, 90), (10, 60, 30, 80))', 1, {'region outside its image': 1}),
        (
            '((1, 2, 3, 4), (1, 2, 3, 4))',
            1,
            {'region that repeats another of its image': 1},
        ),
    ],
)
def test_regions_that_cannot_be_used(write, rois, kept, reasons):
    found, skipped = catalogue(write([image('11', rois=rois, num_roi='')], []))
    assert skipped == reasons
    assert len(found.views[0].lesions) == kept


def test_another_number_of_regions_is_counted(write):
    found, skipped = catalogue(
        write([image('11', rois='((1, 2, 3, 4),)', num_roi='2.0')], [])
    )
    assert skipped == {'another number of regions than num_roi': 1}
    assert len(found.views[0].lesions) == 1


def test_a_region_in_a_negative_breast_leaves_it_unknown(write):
    images = [image('11', rois='((1, 2, 3, 4),)'), image('11', view='MLO')]
    found, skipped = catalogue(write(images, [finding('11', 'L', 'N')]))
    assert skipped == {'view with a region in a breast that is not abnormal': 1}
    assert [v.abnormal for v in found.views] == [None, False]


def test_dicom_coordinates_go_before_those_of_pictures(write, tmp_path):
    """The tables of the NUS datathon have both, in columns of their own."""
    root = write([image('11')], [])
    path = root / 'tables/EMBED_OpenData_metadata.csv'
    text = path.read_text().replace('ROI_coords', 'PNG_ROI_coords,DCM_ROI_coords', 1)
    path.write_text(
        text.replace('()', '"[[[1, 2, 3, 4]]]","[[[1, 50, 3, 60]]]"', 1).replace(
            ',0,"[[[', ',1,"[[['
        )
    )
    found, skipped = catalogue(root)
    assert not skipped
    assert [les.box for les in found.views[0].lesions] == [(50, 1, 60, 3)]


def test_digital_images_stand_before_synthetic_ones(write):
    """Whatever their order, and if the header of the synthetic one says nothing."""
    images = [
        image('11', kind='cview', number=2),
        image('11'),
        image('11', view='MLO', kind='C-View'),
        image('11', number=3),
    ]
    root = write(images, [], without=images)
    for entry in images:
        write_dicom(root / local(entry), 'L', code=entry['ViewPosition'])
    found, skipped = catalogue(root)
    assert not skipped
    assert [(v.view, v.image_kind, v.file.stem[-1]) for v in found.views] == [
        ('CC', 'synthetic 2-D', '2'),
        ('CC', None, '1'),
        ('MLO', 'synthetic 2-D', '1'),
        ('CC', None, '3'),
    ]
    assert '1 views have a synthetic image (C-view) alone.' in found.notes
    choose_views(found, root)
    assert [(v.view, v.image_kind, v.file.stem[-1]) for v in found.views] == [
        ('CC', None, '1'),
        ('MLO', 'synthetic 2-D', '1'),
    ]


def test_an_implant_displaced_image_stands_before_a_synthetic_one(write):
    images = [image('11', kind='cview', number=2), image('11')]
    root = write(images, [], without=images)
    write_dicom(root / local(images[0]), 'L', code='CC')
    modifier = Dataset()
    modifier.CodeValue, modifier.CodingSchemeDesignator = '399209000', 'SCT'
    write_dicom(
        root / local(images[1]), 'L', code='CC', ViewModifierCodeSequence=[modifier]
    )
    found, _ = catalogue(root)
    choose_views(found, root)
    assert [v.file.stem[-1] for v in found.views] == ['1']


def test_other_images_are_counted(write):
    modifier = META[-1]
    images = [
        image('11'),
        image('11', kind='3D', number=2),
        image('11', kind='ROI_SSC', number=3),
        image('11', kind='', number=4),
        image('11', spot_mag='1.0', number=5),
        image('11', number=6, **{modifier: 'Magnification'}),
        image('11', number=7, **{modifier: 'Spot Compression'}),
        image('11', view='XCCL'),
        image('11', view=''),
        image('11', side='B'),
        image('11', 'R', spot_mag='0', **{modifier: 'Implant Displaced'}),
        image('', 'R'),
        image('11', 'R', 'MLO'),
        image('11', 'L', 'MLO', patient='8'),
        image('11'),
    ]
    found, skipped = catalogue(
        write(images, [finding('11', 'B', 'N')], without=[images[-3]])
    )
    assert skipped == {
        'image that is not 2-D or synthetic 2-D': 3,
        'spot compression or magnification view': 3,
        'view that is not CC or MLO': 2,
        'laterality that is not L or R': 1,
        'row without empi_anon or acc_anon': 1,
        'image not found': 1,
        "image of an exam that is another patient's": 1,
        'row that repeats an image': 1,
    }
    assert [(v.laterality, v.view) for v in found.views] == [('L', 'CC'), ('R', 'CC')]


def test_broken_clinical_rows_are_counted(write):
    found, skipped = catalogue(
        write(
            four('11'),
            [
                finding('11', 'L', 'A', tissueden='5.0'),
                finding('11', 'C', 'A'),
                finding('', 'L', 'A'),
                finding('11', 'L', 'M', patient='8'),
                finding('11', 'R', 'Q', 2, tissueden='9', path_severity='7'),
            ],
        )
    )
    assert skipped == {
        'side that is not L, R, B or empty': 1,
        'row without empi_anon or acc_anon': 1,
        "row of an exam that is another patient's": 1,
        'assessment that is not known': 1,
        'density that is not known': 1,
        'path_severity that is not 0 to 6': 1,
    }
    assert breasts(found, 'birads', 'density', 'pathology') == {
        ('11', 'L'): ('0', None, None),
        ('11', 'R'): (None, None, None),
    }


def test_exams_without_a_clinical_row_are_kept_without_labels(write):
    found, skipped = catalogue(
        write([image('11'), image('12', patient='8')], [finding('11', 'B')])
    )
    assert not skipped
    assert breasts(found, 'birads', 'abnormal', 'exam_kind')['12', 'L'] == (
        None,
        None,
        None,
    )
    assert any('1 exams have no row in the clinical table' in n for n in found.notes)


def test_ids_that_became_numbers_are_the_same(write):
    found, skipped = catalogue(
        write([image('11')], [finding('11.0', 'L', 'S', patient='7.0')])
    )
    assert not skipped and found.views[0].birads == '4'


@pytest.mark.parametrize(
    'before', ['/mnt/NAS3/mammo/anon_dicom/', './images/', '', 'D:\\embed\\images\\']
)
def test_paths_are_found_by_their_end(write, before):
    rows = [image('11'), image('12', 'R', patient='8')]
    root = write(rows, [])
    # a file of the same name elsewhere, as an unpacked copy would have it
    copy = root / 'copy' / Path(local(rows[0])).name
    copy.parent.mkdir()
    copy.touch()
    table = root / 'tables/EMBED_OpenData_metadata.csv'
    table.write_text(table.read_text().replace(BUCKET, before))
    found, skipped = catalogue(root)
    assert not skipped
    assert [v.file.as_posix() for v in found.views] == list(map(local, rows))


@pytest.mark.parametrize(
    'present, found_by_reader, expected',
    [
        ('YES', '', True),
        ('NO', '', False),
        ('', '1', True),
        ('', '', None),
        ('NO', '1', False),
    ],
)
def test_implants(write, present, found_by_reader, expected):
    found, _ = catalogue(
        write(
            [image('11', BreastImplantPresent=present)],
            [finding('11', 'B', implanfind=found_by_reader)],
        )
    )
    assert found.views[0].extra['implant'] is expected


def test_the_whole_tables_go_before_reduced_ones(write):
    rows = [image('11')]
    write(
        rows, [finding('11', 'B', 'S')], tables=('metadata_reduced', 'clinical_reduced')
    )
    root = write(rows, [finding('11', 'B', 'N')])
    (root / 'tables/AWS_Open_Data_Clinical_Legend.csv').write_text('a,b\n1,2\n')
    found, skipped = catalogue(root)
    assert not skipped and found.views[0].birads == '1'
    for name in ('metadata', 'clinical'):
        (root / f'tables/EMBED_OpenData_{name}.csv').unlink()
    assert catalogue(root)[0].views[0].birads == '4'


def test_notes_hold_the_tables_figures_and_the_licence(write):
    notes = '\n'.join(
        catalogue(
            write(
                [
                    *four('11'),
                    image('12', kind='cview', patient='8', rois='((1, 2, 3, 4),)'),
                ],
                [
                    finding('11', 'L', 'A', path_severity='0'),
                    finding('11', 'R', 'N', 2),
                ],
            )
        )[0].notes
    )
    assert ('5 images of 2 patients and 2 exams (2D 4, cview 1).') in notes
    assert '2 findings of 1 patients and 1 exams.' in notes
    assert 'by path_severity: 0: 1.' in notes
    assert '1 images have regions.' in notes
    assert 'may not be released without written permission' in notes


def test_a_wrong_folder_is_named(write, tmp_path):
    with pytest.raises(ConversionError, match='no table EMBED_OpenData_metadata.csv'):
        EMBEDConverter().catalogue(tmp_path)
    root = write([image('11')], [])
    table = root / 'tables/EMBED_OpenData_clinical.csv'
    table.write_text('a,b\n1,2\n')
    with pytest.raises(ConversionError, match="clinical.csv: no column 'empi_anon'"):
        EMBEDConverter().catalogue(root)
    table.unlink()
    with pytest.raises(ConversionError, match='no table EMBED_OpenData_clinical.csv'):
        EMBEDConverter().catalogue(root)


def test_it_goes_to_other_processes():
    assert pickle.loads(pickle.dumps(EMBEDConverter())).name == 'EMBED'


def test_the_command(write, tmp_path, run_tool):
    rows, findings = [], []
    for number in range(10, 20):
        exam, patient = str(number), str(number + 100)
        for side, view in VIEWS:
            rois = '((20, 0, 60, 30),)' if (side, number % 2) == ('L', 1) else '()'
            rows.append(image(exam, side, view, rois=rois, patient=patient))
        rows.append(image(exam, 'L', 'CC', 'cview', patient=patient, number=2))
        findings.append(
            finding(
                exam,
                'L',
                'A' if number % 2 else 'N',
                patient=patient,
                path_severity='0' if number % 2 else '',
            )
        )
    root = write(rows, findings, without=rows)
    for entry in rows:
        write_dicom(
            root / local(entry),
            entry['ImageLateralityFinal'],
            code=entry['ViewPosition'],
            ImageLaterality=entry['ImageLateralityFinal'],
        )
    done = run_tool(
        'tools/dataset_converters/embed.py',
        root,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
    )
    assert done.returncode == 0, done.err
    summary = json.loads((tmp_path / 'out/summary.json').read_text())
    assert sum(part['views'] for part in summary['parts'].values()) == 40
    assert sum(part['lesion outlines'] for part in summary['parts'].values()) == 10
    assert sum(summary['skipped'].values()) == 10  # the synthetic images
    data = [
        json.loads(path.read_text())
        for path in (tmp_path / 'out/annotations').glob('*.json')
    ]
    images = [entry for part in data for entry in part['images']]
    assert not any('image_kind' in entry for entry in images)  # all are full-field
    assert {c['name'] for c in data[0]['categories']} == {
        'mass',
        'calcification',
        'architectural distortion',
        'asymmetry',
        'finding',
    }
    box = next(a for part in data for a in part['annotations'])
    assert box['bbox'] == [0, 20, 30, 40] and box['pathology'] == 'malignant'


def test_a_mirrored_region_is_found_by_verification(write, tmp_path, run_tool):
    """The known fault of some regions: they lie on the other side of the image."""
    rows = [
        image('11', rois='((30, 5, 60, 25),)'),
        image('11', 'R', rois='((30, 5, 60, 25),)'),
    ]  # the breast is on the right
    root = write(rows, [finding('11', 'B', 'A', massshape='O')], without=rows)
    for entry in rows:
        write_dicom(
            root / local(entry),
            entry['ImageLateralityFinal'],
            code=entry['ViewPosition'],
        )
    out = tmp_path / 'out'
    done = run_tool(
        'tools/dataset_converters/embed.py',
        root,
        '--out',
        out,
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
        '--ratios',
        1,
        0,
        0,
    )
    assert done.returncode == 0, done.err
    done = run_tool('tools/verify_dataset.py', out, '--check-pixels', '--workers', 1)
    assert done.returncode == 0, done.out + done.err
    assert done.out.count('box off the breast') == 1 and 'mirrored?' in done.out
