"""CMMD: fixtures in the form of its table and of its DICOM headers.

In the files of TCIA, ImageLaterality is filled, ViewCodeSequence holds a SNOMED CT
code (fuse-med-ml's reader of CMMD takes the side from (0020,0062) and the view from
(0054,0220)), ViewPosition and Laterality are empty, and nearly all have 8 bits.
"""

import json
import pickle
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
from small_dicom import write_dicom

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.cmmd import CMMDConverter

HEADER = [
    'ID1',
    'LeftRight',
    'Age',
    'number',
    'abnormality',
    'classification',
    'subtype',
]
VIEWS = [('L', 'CC'), ('L', 'MLO'), ('R', 'CC'), ('R', 'MLO')]
LEFT = VIEWS[:2]


def row(patient, side='L', kind='mass', pathology='Benign', subtype=''):
    return [patient, side, 41, 2, kind, pathology, subtype]


@pytest.fixture
def raw(tmp_path):
    (tmp_path / 'raw').mkdir()
    return tmp_path / 'raw'


@pytest.fixture
def write(raw):
    """Write the table, and images of each patient as ``{patient: views}``."""

    def write(rows, images, name='CMMD_clinicaldata_revision.csv', under='CMMD'):
        lines = [','.join(map(str, cells)) for cells in [HEADER, *rows]]
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text('\n'.join(lines) + '\n')
        for patient, views in images.items():
            for number, (side, view) in enumerate(views, 1):
                write_dicom(
                    raw
                    / under
                    / patient
                    / '07-18-2010-11111/1.000000-22222'
                    / f'1-{number}.dcm',
                    side,
                    8,
                    view,
                    ImageLaterality=side,
                    Laterality='',
                    ViewPosition='',
                )
        return raw

    return write


def test_reading_the_headers_shows_its_progress(write, capsys):
    CMMDConverter().catalogue(write([row('D1-0001')], {'D1-0001': LEFT}))
    assert 'headers: 100%' in capsys.readouterr().err


def catalogue(root):
    found = CMMDConverter().catalogue(root)
    return found, Counter(skip.reason for skip in found.skipped)


def facts(found, *names):
    """Return what is said of each breast, by patient and side."""
    return {
        (v.patient_id, v.laterality): tuple(
            v.extra[n] if n in v.extra else getattr(v, n) for n in names
        )
        for v in found.views
    }


def test_labels_are_of_the_breast(write):
    found, skipped = catalogue(
        write(
            [
                row('D1-9001', 'L', 'calcification', 'Benign'),
                row('D1-9001', 'R', 'both', 'Malignant'),
                row('D2-9002', 'R', 'mass', 'Malignant', 'HER2-enriched'),
            ],
            {'D1-9001': VIEWS, 'D2-9002': VIEWS},
        )
    )
    assert not skipped
    assert facts(found, 'pathology', 'abnormal', 'abnormality', 'subtype') == {
        ('D1-9001', 'L'): ('benign', True, 'calcification', None),
        ('D1-9001', 'R'): ('malignant', True, 'both', None),
        ('D2-9002', 'R'): ('malignant', True, 'mass', 'HER2-enriched'),
        ('D2-9002', 'L'): (None, False, None, None),
    }
    first = found.views[0]
    assert first.file == Path('CMMD/D1-9001/07-18-2010-11111/1.000000-22222/1-1.dcm')
    assert (first.exam_id, first.view, first.modality) == ('D1-9001', 'CC', 'FFDM')
    assert len(found.views) == 8 and not any(v.lesions for v in found.views)
    assert 'age' not in {key.lower() for key in first.extra}
    notes = '\n'.join(found.notes)
    assert 'Breasts with CC and MLO: benign 1, malignant 2, normal 1.' in notes
    assert '1 patients have a benign and a malignant breast.' in notes
    assert '1 breasts of D2 without a row' in notes


def test_only_d2_has_normal_breasts(write):
    found, skipped = catalogue(
        write(
            [
                row('D1-9001'),
                row('D2-9002', pathology='Malignant'),
                row('D2-9002', 'both'),
            ],
            {'D1-9001': VIEWS, 'D2-9002': VIEWS},
        )
    )
    assert skipped == {'row whose side is not L or R': 1}
    assert facts(found, 'pathology', 'abnormal') == {
        ('D1-9001', 'L'): ('benign', True),
        ('D1-9001', 'R'): (None, None),
        # the unclear row may be of the right breast
        ('D2-9002', 'L'): ('malignant', True),
        ('D2-9002', 'R'): (None, None),
    }
    assert any('2 breasts are of unknown pathology' in note for note in found.notes)


def test_odd_rows_are_counted(write):
    found, skipped = catalogue(
        write(
            [
                row(' d1-9001 ', 'left', 'MASS ', ' benign'),
                row('D1-9001', 'L', 'mass', 'Benign'),
                row('D2-9002', 'L', 'mass', 'Benign'),
                row('D2-9002', 'L', 'calcification', 'Malignant', 'luminal a'),
                row('D2-9003', 'L', 'cyst', 'unclear', 'Luminal C'),
                row('D2-9004', 'R', '', 'MALIGNANT', 'Triple-Negative'),
                row('unknown'),
                row('D1-9005'),
            ],
            {
                'D1-9001': LEFT,
                'D2-9002': VIEWS,
                'D2-9003': LEFT,
                'D2-9004': VIEWS,
                'D1-9006': LEFT,
            },
        )
    )
    assert skipped == {
        'row that repeats a breast': 1,
        'rows of one breast that contradict each other': 1,
        'label that is not known': 3,
        'row without an ID such as D1-0000': 1,
        'breast of the table without an image': 1,
        'patient without a row in the clinical table': 2,
    }
    assert facts(found, 'pathology', 'abnormal', 'abnormality', 'subtype') == {
        ('D1-9001', 'L'): ('benign', True, 'mass', None),
        ('D2-9002', 'L'): (None, True, None, 'Luminal A'),
        ('D2-9002', 'R'): (None, False, None, None),
        ('D2-9003', 'L'): (None, None, None, None),
        ('D2-9004', 'R'): ('malignant', True, None, 'triple negative'),
        ('D2-9004', 'L'): (None, False, None, None),
    }


def test_odd_headers_are_counted(write, raw):
    write([row('D1-9001')], {'D1-9001': LEFT})
    folder = raw / 'CMMD/D1-9001/x'
    write_dicom(folder / '1.dcm', 'L', 8, 'CC')
    write_dicom(folder / '2.dcm', 'L', 8, None, ImageLaterality='L')
    write_dicom(folder / '3.dcm', 'L', 8, 'ML', ImageLaterality='L')
    write_dicom(folder / '4.dcm', 'L', 8, 'CC', ImageLaterality='L', Modality='US')
    (folder / '5.dcm').write_bytes(b'cut short')
    (folder / '._6.dcm').write_bytes(b'left by macOS')
    found, skipped = catalogue(raw)
    assert skipped == {
        'header without a side': 1,
        'header without a view': 1,
        'view that is not CC or MLO': 1,
        'header that cannot be used': 2,
    }
    assert len(found.views) == 2
    assert not any(
        'Secretname' in str(skip) or 'PID-7788' in str(skip) for skip in found.skipped
    )


def test_older_headers_and_studies(write, raw):
    write([row('D1-9001')], {})
    write_dicom(
        raw / 'a/D1-9001/1/x.DCM', 'L', 12, None, ImageLaterality='L', ViewPosition='CC'
    )
    write_dicom(
        raw / 'a/D1-9001/1/1.2.840.77',
        'L',
        12,
        None,
        ImageLaterality='L',
        ViewPosition='MLO',
    )
    write_dicom(
        raw / 'a/D1-9001/2/y.dcm', 'L', 12, None, ImageLaterality='L', ViewPosition='CC'
    )
    found, skipped = catalogue(raw)
    assert not skipped
    assert [(v.exam_id, v.view) for v in found.views] == [
        ('D1-9001', 'MLO'),
        ('D1-9001', 'CC'),
        ('D1-9001-2', 'CC'),
    ]
    assert {v.patient_id for v in found.views} == {'D1-9001'}
    assert any('1 patients have several studies' in note for note in found.notes)


def test_folders_named_by_uid_are_looked_up(write, raw):
    write([row('D1-9001')], {})
    write_dicom(raw / '1.3.6.1.9/1-1.dcm', 'L', 8, 'CC', ImageLaterality='L')
    write_dicom(raw / '1.3.6.1.8/1-1.dcm', 'L', 8, 'MLO', ImageLaterality='L')
    # columns of the list that the NBIA Data Retriever writes
    (raw / 'metadata.csv').write_text(
        'Series UID,Collection,Subject ID,Study UID,Number of Images,File Location\n'
        '1.3.6.1.9,CMMD,D1-9001,1.3.6.1.5,2,./x\n'
    )
    found, skipped = catalogue(raw)
    assert [(v.patient_id, v.view) for v in found.views] == [('D1-9001', 'CC')]
    assert skipped == {'file whose path names no patient': 1}


def test_the_workbook_comes_first(write, raw):
    write([row('D1-9001', pathology='Malignant')], {'D1-9001': LEFT}, 'label.csv')
    assert catalogue(raw)[0].views[0].pathology == 'malignant'
    book = openpyxl.Workbook()
    for cells in (HEADER, row('D1-9001')):
        book.active.append(cells)
    book.save(raw / 'CMMD_ClinicalData_Revision.xlsx')
    assert catalogue(raw)[0].views[0].pathology == 'benign'
    # one that cannot be read gives way
    (raw / 'CMMD_ClinicalData_Revision.xlsx').write_bytes(b'<html>not found</html>')
    assert catalogue(raw)[0].views[0].pathology == 'malignant'


def test_a_wrong_folder_is_named(write, raw):
    with pytest.raises(ConversionError, match='no table CMMD_clinicaldata_revision'):
        CMMDConverter().catalogue(raw)
    (raw / 'clinical.csv').write_text('a,b\n1,2\n')
    with pytest.raises(ConversionError, match="clinical.csv: no column 'ID1"):
        CMMDConverter().catalogue(raw)
    write([row('D1-9001')], {})
    with pytest.raises(ConversionError, match='no DICOM file of a CMMD patient'):
        CMMDConverter().catalogue(raw)


def test_it_goes_to_other_processes():
    assert pickle.loads(pickle.dumps(CMMDConverter())).name == 'CMMD'


def test_the_command_parts_as_divf_does(write, tmp_path, run_tool):
    patients = {
        f'D1-90{i:02d}': 'Malignant' if i % 2 else 'Benign' for i in range(1, 21)
    }
    root = write(
        [row(p, pathology=pathology) for p, pathology in patients.items()],
        dict.fromkeys(patients, LEFT[:1]),
    )
    done = run_tool(
        'tools/dataset_converters/cmmd.py',
        root,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
    )
    assert done.returncode == 0, done.err
    data = {
        path.stem: json.loads(path.read_text())
        for path in (tmp_path / 'out/annotations').glob('*.json')
    }
    assert {part: len(d['images']) for part, d in data.items()} == dict(
        train=17, test=3
    )
    test = Counter(image['pathology'] for image in data['test']['images'])
    assert min(test['benign'], test['malignant']) >= 1
    image = data['train']['images'][0]
    assert image['abnormal'] is True and image['abnormality'] == 'mass'
    assert (image['width'], image['height']) == (64, 96)
    text = json.dumps(data)
    assert 'Secretname' not in text and 'PID-7788' not in text
