"""RSNA 2022: fixtures in the form of the competition's table and files.

Columns and values (floats for whole numbers, empty cells, True and False) are those of
``train.csv`` as notebooks on it print it; its DICOM files have no Modality, and side
and view stand in the table alone.
"""

import csv
import json
import pickle
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from small_dicom import write_dicom

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.rsna import RSNAConverter

HEADER = [
    'site_id',
    'patient_id',
    'image_id',
    'laterality',
    'view',
    'age',
    'cancer',
    'biopsy',
    'invasive',
    'BIRADS',
    'implant',
    'density',
    'machine_id',
    'difficult_negative_case',
]
VIEWS = [('L', 'CC'), ('L', 'MLO'), ('R', 'MLO'), ('R', 'CC')]
TOOL = 'tools/dataset_converters/rsna.py'


def row(
    patient,
    image,
    side='L',
    view='CC',
    cancer=0,
    biopsy=0,
    invasive=0,
    birads='',
    implant=0,
    density='',
    age='61.0',
    difficult='False',
    site=2,
):
    return dict(
        zip(
            HEADER,
            map(
                str,
                (
                    site,
                    patient,
                    image,
                    side,
                    view,
                    age,
                    cancer,
                    biopsy,
                    invasive,
                    birads,
                    implant,
                    density,
                    29,
                    difficult,
                ),
            ),
        )
    )


def exam(patient, sides=dict(L={}, R={}), **settings):
    """Four rows; image ids are made of the patient's."""
    return [
        row(patient, f'{patient}{i}', side, view, **{**settings, **sides[side]})
        for i, (side, view) in enumerate(VIEWS)
        if side in sides
    ]


@pytest.fixture
def write(tmp_path):
    """Write the table and, empty, the images that are not in ``without``."""

    def write(
        rows, without=(), name='train_images/{patient_id}/{image_id}.dcm', header=HEADER
    ):
        root = tmp_path / 'raw'
        root.mkdir(exist_ok=True)
        with open(root / 'train.csv', 'w', newline='') as file:
            writer = csv.DictWriter(file, header, extrasaction='ignore')
            writer.writeheader()
            writer.writerows(rows)
        for entry in rows:
            if entry['image_id'] and entry['image_id'] not in without:
                path = root / name.format(**entry)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return root

    return write


def catalogue(root):
    found = RSNAConverter().catalogue(root)
    return found, Counter(skip.reason for skip in found.skipped)


def test_a_row_as_it_is(write):
    found, skipped = catalogue(
        write(
            [
                row(10006, 462822612, age='61.0', density='B', birads='2.0', implant=1),
                row(10006, 1864590858, 'R', 'MLO', age=''),
            ]
        )
    )
    assert not skipped
    view, other = found.views
    assert view.file == Path('train_images/10006/462822612.dcm')
    assert (view.exam_id, view.patient_id) == ('10006', '10006')
    assert (view.laterality, view.view, view.modality) == ('L', 'CC', 'FFDM')
    assert (view.birads, view.density, view.part) == ('2', 'B', None)
    assert view.extra == dict(
        cancer=False,
        biopsy=False,
        invasive=None,
        implant=True,
        difficult_negative=False,
        age=61,
        site='2',
        machine='29',
    )
    assert not view.lesions
    assert (other.laterality, other.view, other.birads) == ('R', 'MLO', None)
    assert other.density is other.extra['age'] is None
    assert not RSNAConverter().official_split


@pytest.mark.parametrize(
    'cells, pathology, abnormal, invasive',
    [
        (dict(cancer=1, biopsy=1, invasive=1, birads='0.0'), 'malignant', True, True),
        (dict(cancer=1, biopsy=1, invasive=0), 'malignant', True, False),
        (dict(cancer=1, biopsy=0, invasive=0), 'malignant', True, False),
        (dict(biopsy=1, birads='0.0'), 'benign', True, None),
        (dict(biopsy=1), 'benign', True, None),
        (dict(birads='0.0'), None, None, None),  # recalled, and no more is known
        (dict(birads='1.0'), None, False, None),
        (dict(birads='2'), None, False, None),
        (dict(), None, None, None),  # no assessment is kept
        (dict(birads='nan'), None, None, None),
    ],
)
def test_what_the_labels_say(write, cells, pathology, abnormal, invasive):
    """They are of a breast: the other one is not touched."""
    found, skipped = catalogue(write(exam(7, dict(L=cells, R=dict(birads='1.0')))))
    assert not skipped
    for view in found.views:
        if view.laterality == 'L':
            assert (view.pathology, view.abnormal) == (pathology, abnormal)
            assert view.extra['invasive'] is invasive
        else:
            assert (view.pathology, view.abnormal) == (None, False)


def test_labels_of_a_breast_that_disagree(write):
    rows = [*exam(1, cancer=0, birads='1'), *exam(2, biopsy=1), *exam(3)]
    rows[1]['cancer'] = '1'  # left breast of patient 1: which is it?
    rows[5]['biopsy'] = '0'  # left breast of patient 2
    rows[8]['BIRADS'], rows[9]['BIRADS'] = '0', '1'  # left breast of patient 3
    found, skipped = catalogue(write(rows))
    assert skipped == {
        'label on which the rows of a breast disagree': 3,
        'image of a breast without a label in the column cancer': 2,
    }
    facts = {
        (v.patient_id, v.laterality): (v.pathology, v.birads, v.abnormal)
        for v in found.views
    }
    assert facts == {
        ('1', 'R'): (None, '1', False),
        ('2', 'L'): (None, None, None),
        ('2', 'R'): ('benign', None, True),
        ('3', 'L'): (None, None, None),
        ('3', 'R'): (None, None, None),
    }


def test_a_cell_left_empty_contradicts_nothing(write):
    """The BI-RADS of a breast tells of its other image too, which keeps its null."""
    rows = exam(1, dict(L={}))
    rows[0]['BIRADS'] = '2.0'
    found, skipped = catalogue(write(rows))
    assert not skipped
    assert [(v.birads, v.abnormal) for v in found.views] == [
        ('2', False),
        (None, False),
    ]


def test_other_views_and_broken_rows_are_counted(write):
    rows = [
        row(1, 11),
        row(1, 12, view='AT'),
        row(1, 13, view='ml'),
        row(1, 14, 'B'),
        row(1, 15, 'right', 'mlo'),
        row(1, 11),
        row(1, 11, view='MLO'),
        row('', 16),
        row(1, ''),
        row(2, 21),
        row(2, 22, cancer=''),
        row(3, 31, cancer=2),
        row(4, 41, biopsy='maybe', density='E'),
    ]
    found, skipped = catalogue(write(rows, without={'21'}))
    assert skipped == {
        'view that is not CC or MLO': 2,
        'laterality that is not L or R': 1,
        'row that repeats an image': 1,
        'row that contradicts an earlier one of the same image': 1,
        'row without patient_id or image_id': 2,
        'image not found': 1,
        'value that is not known': 2,
        'image of a breast without a label in the column cancer': 1,
    }
    assert [(v.patient_id, v.laterality, v.view) for v in found.views] == [
        ('1', 'L', 'CC'),
        ('1', 'R', 'MLO'),
        ('2', 'L', 'CC'),
        ('4', 'L', 'CC'),
    ]
    last = found.views[-1]
    assert last.density is last.extra['biopsy'] is last.abnormal is None


def test_all_images_of_a_view_are_kept_to_choose_from(write):
    found, skipped = catalogue(write([row(1, i, 'L', 'CC') for i in (11, 12, 13)]))
    assert not skipped
    assert [v.file.stem for v in found.views] == ['11', '12', '13']
    assert {v.exam_id for v in found.views} == {'1'}


def test_the_table_s_own_figures(write):
    rows = [
        *exam(1, dict(L=dict(cancer=1), R={})),
        *exam(2, implant=1),
        row(3, 31, view='LMO', cancer=1),
    ]
    notes = '\n'.join(catalogue(write(rows, without={'10'}))[0].notes)
    assert (
        '9 images of 3 patients (CC 4, MLO 4, LMO 1); 3 of a breast with cancer, '
        'of 2 patients.'
    ) in notes
    assert '4 images are of patients with implants' in notes
    assert 'pictures' not in notes


@pytest.mark.parametrize(
    'name, pictures',
    [
        ('train_images/{patient_id}/{image_id}.png', True),
        ('images/{patient_id}_{image_id}.png', True),
        ('{image_id}.PNG', True),
        ('rsna/train_images/{patient_id}/{image_id}.dcm', False),
        ('train_images/{patient_id}/{image_id}.DICOM', False),
        ('train_images/{patient_id}/{image_id}', False),
    ],
)
def test_copies_of_the_images(write, name, pictures):
    rows = exam(1)
    root = write(rows, name=name)
    found, skipped = catalogue(root)
    assert not skipped and len(found.views) == 4
    for view, entry in zip(found.views, rows):
        assert view.file == Path(name.format(**entry))
    assert any('4 images are pictures' in note for note in found.notes) == pictures


def test_a_dicom_goes_before_a_picture_and_its_own_patient_before_others(write):
    rows = [row(1, 5), row(2, 6)]
    root = write(rows, name='png/{patient_id}/{image_id}.png')
    for path in ('train_images/1/5.dcm', 'train_images/9/6.dcm'):
        (root / path).parent.mkdir(parents=True)
        (root / path).touch()
    assert [v.file.as_posix() for v in catalogue(root)[0].views] == [
        'train_images/1/5.dcm',
        'png/2/6.png',
    ]


def test_fewer_columns_leave_unknown_what_they_would_say(write):
    header = ['patient_id', 'image_id', 'laterality', 'view', 'cancer']
    found, skipped = catalogue(
        write(exam(1, dict(L=dict(cancer=1), R={})), header=header)
    )
    assert not skipped
    left, right = found.views[0], found.views[-1]
    assert (left.pathology, left.abnormal) == ('malignant', True)
    # whether there was a biopsy is not known: neither is whether it is normal
    assert (right.pathology, right.abnormal) == (None, None)
    assert right.extra['implant'] is None and right.extra['cancer'] is False


def test_a_wrong_folder_is_named(write, tmp_path):
    with pytest.raises(ConversionError, match='no table train.csv'):
        RSNAConverter().catalogue(tmp_path)
    with pytest.raises(ConversionError, match="train.csv: no column 'cancer'"):
        # the test part has no labels
        RSNAConverter().catalogue(write([row(1, 11)], header=HEADER[:6]))


def test_it_goes_to_other_processes():
    assert pickle.loads(pickle.dumps(RSNAConverter())).name == 'RSNA'


def convert(run_tool, tmp_path, root, *options):
    done = run_tool(
        TOOL,
        root,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
        *options,
    )
    assert done.returncode == 0, done.err
    data = [
        json.loads(path.read_text())
        for path in (tmp_path / 'out/annotations').glob('*.json')
    ]
    return (
        {
            image['source'].rpartition('/')[2].partition('.')[0]: image
            for part in data
            for image in part['images']
        },
        json.loads((tmp_path / 'out/summary.json').read_text()),
    )


def test_the_command_on_pictures(write, tmp_path, run_tool, write_picture):
    rows = [
        entry
        for patient in range(100, 110)
        for entry in exam(patient, dict(L=dict(cancer=patient % 2), R={}))
    ]
    root = write(rows, without={entry['image_id'] for entry in rows})
    for seed, entry in enumerate(rows):
        write_picture(
            root / 'train_images' / entry['patient_id'] / f'{entry["image_id"]}.png',
            'left' if entry['laterality'] == 'L' else 'right',
            seed=seed,
        )
    images, summary = convert(run_tool, tmp_path, root)
    assert len(images) == 40
    assert set(summary['parts']) == {'train', 'val', 'test'}
    assert summary['skipped'] == {}
    assert images['1010']['pathology'] == 'malignant' and images['1010']['cancer']
    assert images['1000']['pathology'] is None and images['1000']['implant'] is False
    assert images['1000']['pixel_spacing_mm'] is None
    done = run_tool(
        'tools/verify_dataset.py', tmp_path / 'out', '--check-pixels', '--workers', 1
    )
    assert done.returncode == 0, done.out


def as_the_set_has_it(path, keep_class):
    """Take away what its DICOM files lack."""
    ds = pydicom.dcmread(path)
    del ds.Modality
    if not keep_class:
        del ds.SOPClassUID
    ds.save_as(path, enforce_file_format=False)


@pytest.mark.parametrize('keep_class', [True, False])
def test_the_command_on_dicom_without_modality_and_view(
    write, tmp_path, run_tool, keep_class
):
    """Side and view are those of the table; the files have neither."""
    rows = [
        entry
        for patient in range(10)
        for entry in exam(
            patient, dict(L={}, R=dict(cancer=int(patient < 5), biopsy=1))
        )
    ]
    rows.append(row(0, 99, 'R', 'CC', cancer=1, biopsy=1))  # once more
    root = write(rows, without={entry['image_id'] for entry in rows})
    for entry in rows:
        path = root / 'train_images' / entry['patient_id'] / f'{entry["image_id"]}.dcm'
        write_dicom(path, entry['laterality'])
        as_the_set_has_it(path, keep_class)
    images, summary = convert(run_tool, tmp_path, root)
    assert len(images) == 40
    assert summary['skipped'] == {'another image of the same view of an exam': 1}
    views = Counter(
        (im['laterality'], im['view'], im['pathology']) for im in images.values()
    )
    assert views == {
        ('L', 'CC', None): 10,
        ('L', 'MLO', None): 10,
        **{
            ('R', view, kind): 5
            for view in ('CC', 'MLO')
            for kind in ('malignant', 'benign')
        },
    }
