"""tools/verify_dataset.py finds each planted defect, and only that."""

import json

import cv2
import numpy as np
import pydicom
import pytest
from made_dataset import (
    BOX,
    HEIGHT,
    T11,
    WIDTH,
    breast,
    found,
    made,
    planted,
    polygon,
    template,
)
from pydicom.uid import ExplicitVRLittleEndian

from mammo_cli.main import main
from mammo_plugins.structures import BIRADS
from mammo_plugins.verification import verify

__all__ = ['made', 'template']  # fixtures


def test_sound_data_set(made, capsys):
    report, code = made.report('--check-pixels')
    assert report['findings'] == [] and code == 0
    train = report['counts']['train']
    assert {name: count for name, count in train.items() if count} == {
        'patients': 1,
        'exams': 1,
        'images': 4,
        'lesions': 1,
        'annotations': 2,
        'images FFDM LCC': 1,
        'images FFDM LMLO': 1,
        'images FFDM RCC': 1,
        'images FFDM RMLO': 1,
        'images, abnormal True': 2,
        'images, abnormal False': 2,
        'images, BI-RADS 1': 2,
        'images, BI-RADS 4A': 2,
        'images, density B': 4,
        'annotations, pathology malignant': 2,
        'annotations, BI-RADS unknown': 2,
    }
    text = capsys.readouterr().out
    assert 'train: data set made, converter 1, seed 7' in text
    assert 'images, density B 4 4' in ' '.join(text.split())
    assert 'density A' not in text
    assert text.endswith('0 errors, 0 warnings; pixels read\n')


def test_parts_without_entries(made):
    made.val.update(images=[], annotations=[])
    made.train['annotations'] = []
    report, code = made.report()
    assert code == 1
    assert found(report) == [
        ('warning', 'no lesions', 'train'),
        ('error', 'no images', 'val'),
    ]


def _drop_view(made):
    del made.train['images'][0]


def _second_cc(made):
    made.train['images'][0]['view'] = 'MLO'


def _two_patients(made):
    made.train['images'][2]['patient_id'] = 'SECRETOTHER'


def _exam_in_val(made):
    for image in made.val['images']:
        image['exam_id'] = made.train['images'][0]['exam_id']


def _patient_in_val(made):
    for image in made.val['images']:
        image['patient_id'] = made.train['images'][0]['patient_id']


def _same_lesion(made):
    made.val['annotations'][0]['lesion_id'] = 'SECRETLESION1'


def _other_breast(made):
    made.train['annotations'][0]['image_id'] = 10
    made.train['annotations'][0].update(bbox=BOX['R'], segmentation=polygon(*BOX['R']))
    for k in (0, 2):
        made.train['images'][k].update(abnormal=True, birads='4A')


def _twice_in_image(made):
    made.train['annotations'].append(
        dict(
            made.train['annotations'][0], id=999, bbox=[11, 41, 12, 10], segmentation=[]
        )
    )


def _missing_file(made):
    made.file(made.train['images'][1]).unlink()


def _shared_file(made):
    made.train['images'][0]['file_name'] = (
        'images/../' + made.train['images'][2]['file_name']
    )


def _broken_file(made):
    made.file(made.train['images'][1]).write_bytes(b'nothing')


# name: (how it is planted, [(severity, check, where)])
DEFECTS = {
    'missing view': (
        _drop_view,
        [('warning', 'missing view', 'train: image 11 and its exam')],
    ),
    'view twice': (
        _second_cc,
        [
            ('warning', 'missing view', 'train: image 10 and its exam'),
            ('error', 'duplicate view', 'train: image 10 and its exam'),
        ],
    ),
    'exam of two patients': (
        _two_patients,
        [('error', 'exam of two patients', 'train: image 10 and its exam')],
    ),
    'patient in two splits': (
        _patient_in_val,
        [('error', 'patient in two splits', 'val: image 20')],
    ),
    'box outside': (
        planted('train', 'annotations', 0, bbox=[50, 40, 12, 10], segmentation=[]),
        [('error', 'box outside the image', T11)],
    ),
    'box outside on the left': (
        planted('train', 'annotations', 0, bbox=[-2, 40, 12, 10], segmentation=[]),
        [('error', 'box outside the image', T11)],
    ),
    'box over by a rounded pixel': (
        planted('train', 'annotations', 0, bbox=[-1, 91, 12, 10], segmentation=[]),
        [],
    ),
    'empty box': (
        planted('train', 'annotations', 0, bbox=[10, 40, 0, 10]),
        [('error', 'schema', 'train')],
    ),
    'nipple outside': (
        planted('train', 'images', 1, nipple=[70, 50]),
        [('warning', 'nipple outside the image', T11)],
    ),
    'lesion id of another exam': (
        _same_lesion,
        [('error', 'lesion id in two breasts', 'val: image 21')],
    ),
    'lesion id in the other breast': (
        _other_breast,
        [('error', 'lesion id in two breasts', 'train: image 13')],
    ),
    'lesion id twice in an image': (
        _twice_in_image,
        [('warning', 'lesion id twice in an image', T11)],
    ),
    'missing file': (_missing_file, [('error', 'missing file', T11)]),
    'shared file': (_shared_file, [('error', 'duplicated file', 'train: image 12')]),
    'broken file': (_broken_file, [('error', 'unreadable file', T11)]),
    'size': (
        planted('train', 'images', 1, height=120),
        [('error', 'size differs', T11)],
    ),
    'split name': (
        lambda m: m.val['info'].update(split='train'),
        [('warning', 'split name', 'val')],
    ),
    'categories': (
        lambda m: m.val['categories'][0].update(id=1, name='other'),
        [('error', 'categories differ', 'val')],
    ),
    'not JSON': (lambda m: setattr(m, 'val', '{'), [('error', 'schema', 'val')]),
    'no images': (lambda m: m.val.pop('images'), [('error', 'schema', 'val')]),
    'wrong side in the JSON': (
        lambda m: (
            [
                m.train['images'][k].update(laterality='L', view=v, id=i)
                for k, v, i in ((0, 'CC', 10), (2, 'MLO', 12))
            ]
            and [m.train['images'][k].update(laterality='R') for k in (1, 3)]
        ),
        [
            ('warning', 'laterality differs from the pixels', f'train: image {i}')
            for i in (10, 11, 12, 13)
        ],
    ),
}
PIXEL_DEFECTS = {'wrong side in the JSON'}


@pytest.mark.parametrize('name', DEFECTS)
def test_planted_defect_is_found_alone(made, capsys, name):
    plant, expected = DEFECTS[name]
    plant(made)
    options = ['--check-pixels'] if name in PIXEL_DEFECTS else []
    report, code = made.report(*options)
    assert found(report) == expected
    assert code == any(severity == 'error' for severity, *_ in expected)
    text = capsys.readouterr().out
    assert 'SECRET' not in text + json.dumps(report)
    for severity, check, _ in expected:
        assert f'{severity.upper()} {check} (' in text


def test_pixels(made):
    """Mirrored, the same twice under two names, and no breast at all."""
    images = made.train['images']
    mirrored = cv2.imread(str(made.file(images[1])), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(made.file(images[1])), mirrored[:, ::-1])
    made.file(made.val['images'][3]).write_bytes(made.file(images[3]).read_bytes())
    dark = np.full((HEIGHT, WIDTH), 7, np.uint8)
    dark[0, 0] = 9
    cv2.imwrite(str(made.file(images[0])), dark)
    expected = [
        ('warning', 'no breast found', 'train: image 10'),
        ('warning', 'laterality differs from the pixels', 'train: image 11'),
        ('warning', 'box off the breast', 'train: image 11'),
        ('error', 'duplicated pixels', 'val: image 23'),
    ]
    assert made.report()[0]['findings'] == []
    report, code = made.report('--check-pixels', '--workers', '2')
    assert found(report) == expected and code == 1


def write_dicom(path, laterality, view, **changes):
    pixels = breast('L', 0).astype(np.uint16) * 16
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = '1.2.840.10008.5.1.4.1.1.1.2'
    ds.file_meta.MediaStorageSOPInstanceUID = '1.2.3'
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = '1.2.3'
    ds.PatientName, ds.PatientID, ds.Modality = 'SECRET^NAME', 'SECRETID', 'MG'
    ds.ImageLaterality, ds.ViewPosition = laterality, view
    ds.Rows, ds.Columns, ds.SamplesPerPixel = HEIGHT, WIDTH, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation, ds.PhotometricInterpretation = 0, 'MONOCHROME2'
    ds.PixelData = pixels.tobytes()
    for name, value in changes.items():
        setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)


@pytest.mark.filterwarnings('ignore:Invalid value for VR UI')  # of writing it
def test_faults_of_headers_are_counted(made, capsys):
    """Not printed a line a file, with the value, as pydicom does."""
    for k, view in ((1, 'CC'), (3, 'MLO')):
        write_dicom(
            made.file(made.train['images'][k]),
            'L',
            view,
            Modality='',
            StudyInstanceUID='1.2.03.SECRET',
        )
    report, code = made.report()
    assert code == 0
    assert [(f['check'], f['where']) for f in report['findings']] == [
        (check, f'train: image {i}')
        for i in (11, 13)
        for check in ('no Modality', 'odd DICOM header')
    ]
    shown = capsys.readouterr()
    assert 'WARNING odd DICOM header (2)' in shown.out
    assert 'pydicom: Invalid value for VR UI' in shown.out
    assert 'SECRET' not in shown.out + shown.err + json.dumps(report)


@pytest.mark.parametrize('options', [[], ['--check-pixels']])
@pytest.mark.parametrize(
    'laterality, view, expected',
    [
        ('L', 'CC', []),
        ('R', 'CC', [('error', 'laterality differs from the header', T11)]),
        ('L', 'MLO', [('error', 'view differs from the header', T11)]),
        ('L', 'XCCL', [('warning', 'view differs from the header', T11)]),
    ],
)
def test_dicom_header(made, capsys, laterality, view, expected, options):
    write_dicom(made.file(made.train['images'][1]), laterality, view)
    report, _ = made.report(*options)
    assert found(report) == expected
    assert 'SECRET' not in capsys.readouterr().out + json.dumps(report)


def test_schema_faults_hide_identities_and_not_the_rest(made, capsys):
    """Entries with faults are left out; all others are still checked."""
    images, annotations = made.train['images'], made.train['annotations']
    images[0]['patient_id'] = ['SECRETPATIENT']
    images[2]['file_name'] = {'path': 'SECRETFILE'}
    images[3]['exam_id'] = 40717
    annotations[0]['lesion_id'] = {'name': 'SECRET'}
    annotations[1]['birads'] = '7'
    del made.val['images'][0]['source']
    made.val['annotations'][0].update(bbox=[50, 40, 99, 10], segmentation=[])
    report, code = made.report()
    text = capsys.readouterr().out
    assert code == 1
    assert 'SECRET' not in text + json.dumps(report)
    assert '40717' not in text + json.dumps(report)
    schema = [f['message'] for f in report['findings'] if f['check'] == 'schema']
    assert schema == [
        'image 10.patient_id: (value withheld); expected a text (a pseudonym)',
        'image 12.file_name: (value withheld); expected a path relative to the '
        'data root',
        'image 13.exam_id: (value withheld); expected a text',
        'annotation 111.lesion_id: (value withheld); expected a text or null',
        "annotation 113.birads: '7'; expected one of " + str(BIRADS) + ' or null',
        'image 20.source: missing; expected the path of the original file',
    ]
    assert found(report)[len(schema) :] == [
        ('error', 'box outside the image', 'val: image 21')
    ]
    assert report['counts']['train']['images'] == 1


def test_many_findings_are_cut_in_print_only(made, capsys):
    for part in (made.train, made.val):
        for image in part['images']:
            image['nipple'] = [-5, 0]
    report, code = made.report()
    text = capsys.readouterr().out
    assert code == 0 and report['warnings'] == len(report['findings']) == 8
    assert 'WARNING nipple outside the image (8)' in text
    assert text.count('[-5, 0]') == 5 and '... and 3 more' in text


def test_data_root_option(made, tmp_path):
    made.save()
    moved = tmp_path / 'train.json'
    moved.write_text(json.dumps(made.train))
    report = verify([moved])
    assert {f['check'] for f in report['findings']} == {'missing file'}
    assert verify([moved], made.root)['findings'] == []


def test_user_mistakes_give_one_line(made, tmp_path, capsys):
    made.save()
    (tmp_path / 'empty').mkdir()
    for args, message in (
        (['nowhere'], 'nowhere: no such file or folder'),
        ([str(tmp_path / 'empty')], 'no annotations/train.json'),
        ([str(made.root), '--workers', '0'], '--workers: 0'),
        ([str(made.root), '--json', 'no/such/a.json'], '--json: no/such'),
        ([str(made.root), '--data-root', 'none'], '--data-root: none'),
    ):
        with pytest.raises(SystemExit) as stop:
            main(['verify', *args])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_help_ends_with_an_example(capsys):
    with pytest.raises(SystemExit):
        main(['verify', '--help'])
    assert 'mammo verify data/phantom' in capsys.readouterr().out.split('example:')[1]


def test_an_exam_of_another_patient_in_another_split_is_told(made):
    _exam_in_val(made)
    report, code = made.report()
    told = [entry for entry in found(report) if entry[1] == 'exam of two patients']
    assert code and told and all(where.startswith('val') for *_, where in told)


def test_reading_limit(made, run_tool, monkeypatch):
    monkeypatch.setenv('MAMMO_READING_LIMITS', '')  # taken away again after the test
    made.report()  # writes the annotations
    done = run_tool(
        'tools/verify_dataset.py',
        made.root,
        '--workers',
        1,
        '--reading-limit',
        'pixels=100',
    )
    assert done.returncode == 1
    assert 'more than 100 pixels: not read' in done.out
    assert '--reading-limit pixels=NUMBER' in done.out
    done = run_tool('tools/verify_dataset.py', made.root, '--reading-limit', 'pixel=1')
    assert done.returncode == 2 and 'expected NAME=NUMBER' in done.err
