"""tools/verify_dataset.py finds each planted defect, and only that."""
import copy
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pycocotools import mask as coco_mask
from pydicom.uid import ExplicitVRLittleEndian

TOOL = Path(__file__).parents[2] / 'tools' / 'verify_dataset.py'
spec = importlib.util.spec_from_file_location('verify_dataset_tool', TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

WIDTH, HEIGHT = 60, 100
VIEWS = [('R', 'CC'), ('L', 'CC'), ('R', 'MLO'), ('L', 'MLO')]
BOX = {'L': [10, 40, 12, 10], 'R': [38, 40, 12, 10]}  # on the breast


def breast(laterality, seed):
    """A half ellipse with noise; a left breast has its wall on the left."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    if laterality == 'R':
        x = WIDTH - x
    tissue = (x / 40)**2 + ((y - 50) / 40)**2 < 1
    noise = np.random.default_rng(seed).integers(0, 40, tissue.shape)
    return np.where(tissue, 150 + noise, noise // 10).astype(np.uint8)


def polygon(x, y, w, h):
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def make_part(root, split, n_exams, start):
    data = dict(
        info=dict(dataset='made', converter_version='1', split=split,
                  split_seed=7),
        images=[], annotations=[], categories=[dict(id=1, name='mass')])
    for exam in range(start, start + n_exams):
        for k, (side, view) in enumerate(VIEWS):
            index = 10 * exam + k
            name = f'images/SECRETFILE{index}.png'
            cv2.imwrite(str(root / name), breast(side, index))
            data['images'].append(dict(
                id=index, file_name=name, width=WIDTH, height=HEIGHT,
                exam_id=f'SECRETEXAM{exam}', patient_id=f'SECRETPATIENT{exam}',
                laterality=side, view=view, pixel_spacing_mm=[.1, .1],
                nipple=[30, 50], breast_bbox=[0, 10, 60, 80],
                birads='4A' if side == 'L' else '1', density='B',
                abnormal=side == 'L', modality='FFDM',
                source=f'SECRETFILE{index}.dcm'))
            if side == 'L':
                data['annotations'].append(dict(
                    id=100 + index, image_id=index, category_id=1,
                    bbox=BOX[side], area=120, iscrowd=0,
                    segmentation=polygon(*BOX[side]), birads=None,
                    pathology='malignant', lesion_id=f'SECRETLESION{exam}'))
    return data


@pytest.fixture(scope='module')
def template(tmp_path_factory):
    """A sound data set: exam 1 in train, exam 2 in val."""
    root = tmp_path_factory.mktemp('made')
    (root / 'images').mkdir()
    (root / 'annotations').mkdir()
    return root, make_part(root, 'train', 1, 1), make_part(root, 'val', 1, 2)


class Made:
    """A copy of the sound data set to plant defects in."""

    def __init__(self, folder, template):
        source, train, val = template
        self.root = folder / 'SECRETROOT'
        (self.root / 'images').mkdir(parents=True)
        (self.root / 'annotations').mkdir()
        for file in (source / 'images').iterdir():
            (self.root / 'images' / file.name).write_bytes(file.read_bytes())
        self.train, self.val = copy.deepcopy(train), copy.deepcopy(val)

    def file(self, image):
        return self.root / image['file_name']

    def save(self):
        for name, data in (('train', self.train), ('val', self.val)):
            path = self.root / 'annotations' / f'{name}.json'
            path.write_text(data if isinstance(data, str) else json.dumps(data))

    def report(self, *options):
        """The report as JSON, the printed text and the exit code."""
        self.save()
        out = self.root.parent / 'report.json'
        code = tool.main([str(self.root), '--json', str(out), '--workers', '1',
                          *options])
        return json.loads(out.read_text()), code


@pytest.fixture
def made(tmp_path, template):
    return Made(tmp_path, template)


def found(report):
    return [(f['severity'], f['check'], f['where'].split(',')[0])
            for f in report['findings']]


def test_sound_data_set(made, capsys):
    report, code = made.report('--check-pixels')
    assert report['findings'] == [] and code == 0
    train = report['counts']['train']
    assert {name: count for name, count in train.items() if count} == {
        'patients': 1, 'exams': 1, 'images': 4, 'lesions': 1, 'annotations': 2,
        'images FFDM LCC': 1, 'images FFDM LMLO': 1, 'images FFDM RCC': 1,
        'images FFDM RMLO': 1, 'images, abnormal True': 2,
        'images, abnormal False': 2, 'images, BI-RADS 1': 2, 'images, BI-RADS 4A': 2,
        'images, density B': 4, 'annotations, pathology malignant': 2,
        'annotations, BI-RADS unknown': 2
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
    assert found(report) == [('warning', 'no lesions', 'train'),
                             ('error', 'no images', 'val')]


@pytest.mark.parametrize('abnormal, said', [
    ([False] * 4, 'every image is normal'),
    ([None] * 4, '4 unknown (abnormal is null)'),
    ([True, False, None, None], '1 abnormal, 1 normal, 2 unknown'),
])
def test_without_lesions_no_more_is_said_than_known(made, abnormal, said):
    made.train['annotations'] = []
    for image, value in zip(made.train['images'], abnormal):
        image.update(abnormal=value, birads=None)
    report, _ = made.report()
    message = next(f['message'] for f in report['findings']
                   if f['check'] == 'no lesions')
    assert said in message
    assert ('every image is normal' in message) == (abnormal == [False] * 4)


def test_unsound_annotations_are_not_said_to_be_missing(made):
    for annotation in made.train['annotations']:
        annotation['bbox'] = [1, 2, 3]
    report, _ = made.report()
    assert {f['check'] for f in report['findings']} == {'schema'}


# name: (how it is planted, [(severity, check, where)])
def _set(part, kind, index, **values):
    return lambda m: getattr(m, part)[kind][index].update(values)


def _rle(box, size=(HEIGHT, WIDTH)):
    mask = np.zeros(size, np.uint8, order='F')
    x, y, w, h = box
    mask[y:y + h, x:x + w] = 1
    code = coco_mask.encode(mask)
    return dict(size=list(size), counts=code['counts'].decode())


def _drop_view(made):
    del made.train['images'][0]


def _second_cc(made):
    made.train['images'][0]['view'] = 'MLO'


def _two_patients(made):
    made.train['images'][2]['patient_id'] = 'SECRETOTHER'


def _patient_in_val(made):
    for image in made.val['images']:
        image['patient_id'] = made.train['images'][0]['patient_id']


def _same_lesion(made):
    made.val['annotations'][0]['lesion_id'] = 'SECRETLESION1'


def _other_breast(made):
    made.train['annotations'][0]['image_id'] = 10
    made.train['annotations'][0].update(
        bbox=BOX['R'], segmentation=polygon(*BOX['R']))
    for k in (0, 2):
        made.train['images'][k].update(abnormal=True, birads='4A')


def _twice_in_image(made):
    made.train['annotations'].append(
        dict(made.train['annotations'][0], id=999, bbox=[11, 41, 12, 10],
             segmentation=[]))


def _lesion_twice(made):
    made.train['annotations'][0]['lesion_id'] = None
    made.train['annotations'].append(
        dict(made.train['annotations'][0], id=999))


def _benign_lesions(made):
    for annotation in made.train['annotations']:
        annotation['pathology'] = 'benign'
    for k in (1, 3):
        made.train['images'][k]['pathology'] = 'malignant' if k == 1 else None


def _benign_six(made):
    made.train['annotations'][0].update(birads='6', pathology='benign')


def _two_categories(made):
    for part in (made.train, made.val):
        part['categories'].append(dict(id=2, name='calcification'))
    made.train['annotations'][1]['category_id'] = 2


def _two_pathologies(made):
    for k, pathology in ((0, 'benign'), (2, 'malignant')):
        made.train['images'][k].update(pathology=pathology, abnormal=True,
                                       birads='4')


def _lesion_of_one(made):
    for k in (0, 2):
        made.train['images'][k]['abnormal'] = None
    made.train['annotations'].append(dict(
        made.train['annotations'][0], id=999, image_id=10, lesion_id=None,
        pathology=None, bbox=BOX['R'], segmentation=[]))


def _ignored(made):
    made.train['annotations'].append(dict(
        made.train['annotations'][0], id=999, image_id=10, lesion_id=None,
        iscrowd=1, bbox=BOX['R'], segmentation=[]))


def _missing_file(made):
    made.file(made.train['images'][1]).unlink()


def _shared_file(made):
    made.train['images'][0]['file_name'] = 'images/../' + \
        made.train['images'][2]['file_name']


def _broken_file(made):
    made.file(made.train['images'][1]).write_bytes(b'nothing')


T11 = 'train: image 11'
DEFECTS = {
    'missing view': (_drop_view, [
        ('warning', 'missing view', 'train: image 11 and its exam')]),
    'view twice': (_second_cc, [
        ('warning', 'missing view', 'train: image 10 and its exam'),
        ('error', 'view there twice', 'train: image 10 and its exam')]),
    'exam of two patients': (_two_patients, [
        ('error', 'exam of two patients', 'train: image 10 and its exam')]),
    'patient in two splits': (_patient_in_val, [
        ('error', 'patient in two splits', 'val: image 20')]),
    'box outside': (
        _set('train', 'annotations', 0, bbox=[50, 40, 12, 10], segmentation=[]),
        [('error', 'box outside the image', T11)]),
    'box outside on the left': (
        _set('train', 'annotations', 0, bbox=[-2, 40, 12, 10], segmentation=[]),
        [('error', 'box outside the image', T11)]),
    'box over by a rounded pixel': (
        _set('train', 'annotations', 0, bbox=[-1, 91, 12, 10], segmentation=[]),
        []),
    'empty box': (
        _set('train', 'annotations', 0, bbox=[10, 40, 0, 10]),
        [('error', 'schema', 'train')]),
    'nipple outside': (
        _set('train', 'images', 1, nipple=[70, 50]),
        [('warning', 'nipple outside the image', T11)]),
    'mask elsewhere': (
        _set('train', 'annotations', 0, segmentation=polygon(30, 60, 12, 10)),
        [('error', 'mask does not match', T11)]),
    'mask smaller than box': (
        _set('train', 'annotations', 0, segmentation=polygon(10, 43, 12, 6)),
        [('warning', 'mask does not match', T11)]),
    'RLE that matches': (
        _set('train', 'annotations', 0, segmentation=_rle(BOX['L'])), []),
    'RLE elsewhere': (
        _set('train', 'annotations', 0, segmentation=_rle([30, 60, 12, 10])),
        [('error', 'mask does not match', T11)]),
    'RLE of another size': (
        _set('train', 'annotations', 0,
             segmentation=_rle(BOX['L'], (WIDTH, HEIGHT))),
        [('error', 'schema', 'train')]),
    'RLE that is empty': (
        _set('train', 'annotations', 0, segmentation=_rle([0, 0, 0, 0])),
        [('error', 'schema', 'train')]),
    'polygon outside the image': (
        _set('train', 'annotations', 0, segmentation=polygon(10, 40, 60, 10)),
        [('error', 'schema', 'train')]),
    'runs that end before the image': (
        _set('train', 'annotations', 0,
             segmentation=dict(size=[HEIGHT, WIDTH], counts=[1040, 120, 5])),
        [('error', 'schema', 'train')]),
    'area of another mask': (
        _set('train', 'annotations', 0, area=300),
        [('warning', 'mask does not match', T11)]),
    'area above that of the box': (
        _set('train', 'annotations', 0, area=300, segmentation=[]),
        [('warning', 'mask does not match', T11)]),
    'area of an unknown mask': (
        _set('train', 'annotations', 0, area=70, segmentation=[]), []),
    'no area': (
        _set('train', 'annotations', 0, area=0), [('error', 'schema', 'train')]),
    'malignant lesion in a benign view': (
        _set('train', 'images', 1, pathology='benign'),
        [('error', 'malignant lesion in a benign view', T11)]),
    'benign lesions in a malignant view': (
        _benign_lesions, [
            ('warning', 'malignant view of a breast with benign lesions', T11)]),
    'malignant normal view': (
        _set('train', 'images', 0, pathology='malignant', birads=None),
        [('error', 'pathology of a normal view', 'train: image 10')]),
    'benign normal view': (
        _set('train', 'images', 0, pathology='benign'),
        [('warning', 'pathology of a normal view', 'train: image 10')]),
    'pathology without abnormal': (
        _set('train', 'images', 0, pathology='benign', abnormal=None),
        [('warning', 'pathology without abnormal', 'train: image 10')]),
    'suspicious normal view': (
        _set('train', 'images', 0, birads='5'), [
            ('warning', 'BI-RADS against abnormal', 'train: image 10'),
            ('warning', 'views of a breast disagree',
             'train: image 10 and its breast')]),
    'abnormal view of BI-RADS 1': (
        _set('train', 'images', 0, abnormal=True), [
            ('warning', 'BI-RADS against abnormal', 'train: image 10'),
            ('warning', 'views of a breast disagree',
             'train: image 10 and its breast')]),
    'malignant view of BI-RADS 2': (
        _set('train', 'images', 1, pathology='malignant', birads='2'), [
            ('warning', 'BI-RADS against pathology', T11),
            ('warning', 'BI-RADS against pathology', T11),
            ('warning', 'views of a breast disagree', f'{T11} and its breast')]),
    'lesion of BI-RADS 6 that is benign': (
        _benign_six, [
            ('warning', 'BI-RADS of a lesion above its view', T11),
            ('warning', 'BI-RADS against pathology', T11),
            ('error', 'lesion differs between its views', 'train: image 13')]),
    'lesion of two categories': (
        _two_categories,
        [('warning', 'lesion differs between its views', 'train: image 13')]),
    'lesion of unknown pathology in one view': (
        _set('train', 'annotations', 0, pathology=None), []),
    'breast of two pathologies': (
        _two_pathologies, [
            ('warning', 'views of a breast disagree',
             'train: image 10 and its breast')]),
    'lesion in a view of BI-RADS 1': (
        _lesion_of_one,
        [('warning', 'lesion in a view of BI-RADS 1', 'train: image 10')]),
    'region to ignore in a normal view': (_ignored, []),
    'RLE without a code': (
        _set('train', 'annotations', 0,
             segmentation=dict(size=[HEIGHT, WIDTH], counts=None)),
        [('error', 'schema', 'train')]),
    'lesion in a normal view': (
        _set('train', 'images', 1, abnormal=False), [
            ('warning', 'BI-RADS against abnormal', T11),
            ('warning', 'lesion in a normal view', T11),
            ('warning', 'views of a breast disagree', f'{T11} and its breast')]),
    'lesion id of another exam': (_same_lesion, [
        ('error', 'lesion id in two breasts', 'val: image 21')]),
    'lesion id in the other breast': (_other_breast, [
        ('error', 'lesion id in two breasts', 'train: image 13')]),
    'lesion id twice in an image': (_twice_in_image, [
        ('warning', 'lesion id twice in an image', T11)]),
    'lesion twice': (_lesion_twice, [('warning', 'lesion there twice', T11)]),
    'missing file': (_missing_file, [('error', 'missing file', T11)]),
    'shared file': (_shared_file, [
        ('error', 'duplicated file', 'train: image 12')]),
    'broken file': (_broken_file, [('error', 'unreadable file', T11)]),
    'size': (_set('train', 'images', 1, height=120),
             [('error', 'size differs', T11)]),
    'split name': (lambda m: m.val['info'].update(split='train'),
                   [('warning', 'split name', 'val')]),
    'categories': (lambda m: m.val['categories'][0].update(id=1, name='other'),
                   [('error', 'categories differ', 'val')]),
    'not JSON': (lambda m: setattr(m, 'val', '{'),
                 [('error', 'schema', 'val')]),
    'no images': (lambda m: m.val.pop('images'), [('error', 'schema', 'val')]),
    'wrong side in the JSON': (
        lambda m: [m.train['images'][k].update(laterality='L', view=v, id=i)
                   for k, v, i in ((0, 'CC', 10), (2, 'MLO', 12))] and
        [m.train['images'][k].update(laterality='R') for k in (1, 3)],
        [('warning', 'laterality differs from the pixels', f'train: image {i}')
         for i in (10, 11, 12, 13)]),
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
    made.file(made.val['images'][3]).write_bytes(
        made.file(images[3]).read_bytes())
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
    for image, view in ((made.train['images'][1], 'CC'), (made.train['images'][3], 'MLO')):
        write_dicom(made.file(image), 'L', view, Modality='',
                    StudyInstanceUID='1.2.03.SECRET')
    report, code = made.report()
    assert code == 0
    assert [(f['check'], f['where']) for f in report['findings']] == [
        (check, f'train: image {i}') for i in (11, 13)
        for check in ('no Modality', 'odd DICOM header')]
    shown = capsys.readouterr()
    assert 'WARNING odd DICOM header (2)' in shown.out
    assert 'pydicom: Invalid value for VR UI' in shown.out
    assert 'SECRET' not in shown.out + shown.err + json.dumps(report)


@pytest.mark.parametrize('options', [[], ['--check-pixels']])
@pytest.mark.parametrize('laterality, view, expected', [
    ('L', 'CC', []),
    ('R', 'CC', [('error', 'laterality differs from the header', T11)]),
    ('L', 'MLO', [('error', 'view differs from the header', T11)]),
    ('L', 'XCCL', [('warning', 'view differs from the header', T11)]),
])
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
        "annotation 113.birads: '7'; expected one of " + str(tool.BIRADS) +
        ' or null',
        'image 20.source: missing; expected the path of the original file',
    ]
    assert found(report)[len(schema):] == [
        ('error', 'box outside the image', 'val: image 21')
    ]
    assert report['counts']['train']['images'] == 1


@pytest.mark.parametrize('plant', [
    _set('train', 'categories', 0, id='1'),
    _set('train', 'categories', 0, name=None),
    lambda m: m.train['categories'].append('mass'),
])
def test_nothing_is_held_against_categories_that_are_none(made, plant):
    plant(made)
    made.train['annotations'][0]['segmentation'] = dict(
        size=[HEIGHT, WIDTH], counts='unsound')
    report, code = made.report()
    assert code == 1 and {f['check'] for f in report['findings']} == {'schema'}
    assert 'train' not in report['counts']


def test_unsound_entries_of_all_kinds_end_in_findings(made):
    """Whatever stands in a field: no traceback, and no mask goes on unchecked."""
    odd = [None, True, 0, -1, 3.5, 1e308, 10**400, float('nan'), '', 'x', [], {}, [[]],
           [1, 2, 3, 4], [1e308] * 4, [[1e308] * 6], [['a'] * 6],
           dict(size=[HEIGHT, WIDTH], counts=''), dict(size=[10**9] * 2, counts='0')]
    for part, index in (('images', 1), ('annotations', 0), ('categories', 0)):
        sound = copy.deepcopy(made.train)
        for key in sound[part][index]:
            for value in odd:
                made.train[part][index][key] = value
                made.save()
                report = tool.verify([made.root / 'annotations/train.json'])
                assert isinstance(report['errors'], int)
            made.train = copy.deepcopy(sound)


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
    report = tool.verify([moved])
    assert {f['check'] for f in report['findings']} == {'missing file'}
    assert tool.verify([moved], made.root)['findings'] == []


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
            tool.main(args)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_help_ends_with_an_example(capsys):
    with pytest.raises(SystemExit):
        tool.main(['--help'])
    assert 'python tools/verify_dataset.py data/phantom' in \
        capsys.readouterr().out.split('example:')[1]
