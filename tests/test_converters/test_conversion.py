"""What all converters share, on a toy data set."""

import csv
import json
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pycocotools.mask as coco_mask
import pydicom
import pytest
from small_dicom import write_dicom

from mammo_plugins.converters import (
    Catalogue,
    ConversionError,
    Converter,
    RawFolder,
    RawLesion,
    RawView,
    Split,
    convert,
)
from mammo_plugins.converters import conversion as conversion_module
from mammo_plugins.structures import load_coco_exam


@dataclass
class Toy(Converter):
    views: list[RawView] = field(default_factory=list)
    name = 'toy'
    categories = ('mass', 'calcification')
    official_split = True

    def catalogue(self, raw: Path) -> Catalogue:
        RawFolder(raw, 'toy pictures')
        return Catalogue(list(self.views))


def view(i, laterality='L', projection='CC', **settings):
    return RawView(
        Path(f'{i}_{laterality}_{projection}.png'),
        f'e{i}',
        f'p{i}',
        laterality,
        projection,
        **settings,
    )


@pytest.fixture
def raw(tmp_path):
    (tmp_path / 'raw').mkdir()
    return tmp_path / 'raw'


@pytest.fixture
def run(raw, tmp_path, write_picture):

    def run(views, split=Split(), write=True, workers=1, **settings):
        if write:
            for i, v in enumerate(views):
                side = 'left' if v.laterality == 'L' else 'right'
                write_picture(raw / v.file, side, seed=i)
        summary = convert(
            Toy(views),
            raw,
            tmp_path / 'out',
            split,
            tmp_path / 'cache',
            workers,
            **settings,
        )
        data = {
            path.relative_to(tmp_path / 'out/annotations')
            .with_suffix('')
            .as_posix(): load_coco_exam(path)
            for path in (tmp_path / 'out/annotations').rglob('*.json')
        }
        return summary, data

    return run


ALL = Split('ratio', dict(train=1.0, val=0.0, test=0.0))


def test_facts_lesions_and_summary(run, raw, tmp_path):
    mask = np.zeros((48, 32), np.uint8)  # half the image's size
    mask[10:20, 5:12] = 255
    cv2.imwrite(str(raw / 'mask.png'), mask)
    lesions = [
        RawLesion('mass', box=(-5.0, 10.0, 20.0, 30.0), birads='4', lesion_id='a'),
        RawLesion(
            'mass',
            polygons=[[(10, 10), (20, 10), (20, 30)]],
            pathology='malignant',
            lesion_id='a',
        ),
        RawLesion('calcification', mask_file=Path('mask.png')),
        RawLesion('mass', polygons=[[(10, 10)]]),
        RawLesion('mass', mask_file=Path('gone.png')),
    ]
    summary, data = run(
        [
            view(
                1,
                density='B',
                birads='5',
                lesions=lesions,
                nipple=(40.0, 48.0),
                extra=dict(age=50),
            ),
            view(1, projection='MLO'),
        ],
        ALL,
    )
    image = data['train']['images'][0]
    assert (image['width'], image['height']) == (64, 96)
    assert image['file_name'] == 'raw/1_L_CC.png' and image['source'] == '1_L_CC.png'
    assert image['age'] == 50 and image['nipple'] == [40.0, 48.0]
    assert (image['density'], image['birads']) == ('B', '5')
    assert (tmp_path / 'out' / image['file_name']).is_file()
    box, polygon, rle = data['train']['annotations']
    assert box['bbox'] == [0, 10, 20, 20] and box['segmentation'] == []
    assert polygon['bbox'] == [10, 10, 10, 20]
    # pycocotools counts pixels whose centres are in; half of 10 x 20
    assert polygon['area'] == pytest.approx(100, abs=12)
    assert rle['bbox'] == [10, 20, 14, 20] and rle['area'] == 280
    decoded = coco_mask.decode(rle['segmentation'])
    assert decoded.shape == (96, 64) and decoded[20:40, 10:24].all()
    assert summary['skipped'] == {
        'outline clipped at the edge of its image': 1,
        'outline without area': 1,
        'unusable mask': 1,
    }
    assert summary['first_skipped']['outline clipped at the edge of its image'] == (
        'lesion of 1_L_CC.png: box -5 10 20 30: 80% of its area in 64 x 96 pixels '
        '(w x h)'
    )
    train = summary['parts']['train']
    assert train['views by name'] == dict(LCC=1, LMLO=1)
    assert train['outlines by kind'] == dict(calcification=1, mass=2)
    assert train['lesions by kind'] == dict(calcification=1, mass=1)
    assert train['views without a lesion'] == 1
    rows = list(csv.DictReader(open(tmp_path / 'out/skipped.csv')))
    assert {row['reason'] for row in rows} == set(summary['skipped'])
    assert 'gone.png' in rows[-1]['detail'] + rows[0]['detail']
    assert '| lesions by kind: mass | 1 |' in (tmp_path / 'out/summary.md').read_text()


def test_bad_files_and_repeats_are_counted(run, raw, tmp_path, write_picture):
    views = [view(1), view(2), view(3), view(1)]
    for v in views[:2]:
        write_picture(raw / v.file)
    (raw / views[1].file).write_bytes(b'\x89PNG\r\n\x1a\n cut short')
    summary, data = run(views, ALL, write=False)
    assert [im['exam_id'] for im in data['train']['images']] == ['e1']
    assert summary['skipped'] == {
        'another image of the same view of an exam': 1,
        'image that cannot be used': 2,
    }


def test_spacing_of_the_view_is_for_files_that_do_not_say_it(run, raw, write_picture):
    views = [view(i, pixel_spacing_mm=(0.07, 0.08)) for i in range(2)]
    pixels = write_picture(raw / views[0].file)
    views[1].file = Path('1.dcm')
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID = pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID, ds.Modality = '1.2.3', 'MG'
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.ImagerPixelSpacing = [0.085, 0.09]
    ds.PixelData = pixels.tobytes()
    ds.save_as(raw / '1.dcm', enforce_file_format=True)
    _, data = run(views, ALL, write=False)
    assert [im['pixel_spacing_mm'] for im in data['train']['images']] == [
        [0.07, 0.08],
        [0.085, 0.09],
    ]


def test_lesions_in_pixels_of_another_size_are_not_used(run):
    lesion = RawLesion('mass', box=(10.0, 10.0, 20.0, 20.0))
    summary, data = run(
        [
            view(1, size=(96, 64), lesions=[lesion]),
            view(2, size=(192, 128), lesions=[lesion]),
            view(3, size=(192, 128)),  # nothing in it depends on its size
        ],
        ALL,
    )
    assert [im['exam_id'] for im in data['train']['images']] == ['e1', 'e3']
    assert len(data['train']['annotations']) == 1
    assert summary['skipped'] == {'image that cannot be used': 1}


def test_nothing_usable_is_an_error(run, raw):
    with pytest.raises(ConversionError, match='no usable view'):
        run([])
    with pytest.raises(ConversionError, match='none of 1 images can be used'):
        run([view(1)], write=False)
    with pytest.raises(ConversionError, match='no such folder; expected toy'):
        convert(Toy([]), raw / 'absent', raw, ALL, raw)


def test_nothing_usable_is_listed(run, tmp_path):
    """As with all converters, also where no view was found, or none can be read."""
    with pytest.raises(
        ConversionError,
        match=r'1_L_CC.png: image that cannot be used '
        r'\(no such file.*skipped.csv',
    ):
        run([view(1), view(2)], write=False)
    rows = list(csv.DictReader(open(tmp_path / 'out/skipped.csv')))
    assert [row['item'] for row in rows] == ['1_L_CC.png', '2_L_CC.png']
    assert 'Nothing was converted' in (tmp_path / 'out/summary.md').read_text()
    assert json.loads((tmp_path / 'out/summary.json').read_text())['parts'] == {}


def test_a_converter_may_refuse(run, tmp_path, monkeypatch):
    def catalogue(self, folder):
        found = Catalogue(list(self.views))
        found.skip('row 2', 'value that is not understood', "'here'")
        raise ConversionError('not one box is understood', found)

    monkeypatch.setattr(Toy, 'catalogue', catalogue)
    with pytest.raises(ConversionError, match='not one box is .*; first: row 2'):
        run([view(1)])
    assert "'here'" in (tmp_path / 'out/skipped.csv').read_text()


def test_repeated_lesions_and_nipples_outside(run):
    lesion = dict(box=(10.0, 10.0, 20.0, 20.0))
    summary, data = run(
        [
            view(
                1,
                nipple=(70.0, 20.0),
                lesions=[
                    RawLesion('mass', **lesion),
                    RawLesion('mass', **lesion),
                    RawLesion('calcification', **lesion),
                ],
            ),
            view(2, nipple=(64.0, 96.0)),
        ],
        ALL,
    )
    assert [a['category_id'] for a in data['train']['annotations']] == [1, 2]
    assert [im['nipple'] for im in data['train']['images']] == [None, [64.0, 96.0]]
    assert summary['skipped'] == {
        'lesion given twice': 1,
        'nipple outside its image': 1,
    }


def test_what_pydicom_warns_of_is_counted(run, raw, capfd):
    """A line a file, with values of its header, would be printed otherwise."""
    views = [view(i) for i in range(3)]
    for i, v in enumerate(views):
        v.file = Path(f'{i}.dcm')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            write_dicom(
                raw / v.file,
                'L',
                ImageLaterality='L',
                ViewPosition='CC',
                StudyInstanceUID=f'1.2.0{i}.77',
            )
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # also in a run that makes errors of them
        summary, _ = run(views, ALL, write=False)
    assert (
        '3 views with a warning, pydicom: Invalid value for VR UI; first: 0.dcm'
    ) in summary['notes']
    shown = capfd.readouterr()
    assert 'Invalid value' not in shown.out + shown.err
    assert '.77' not in json.dumps(summary)


def test_an_interrupted_run_leaves_no_json_and_is_gone_on_with(
    run, tmp_path, monkeypatch
):
    views = [view(i) for i in range(4)]
    done = []
    real = conversion_module.process_view

    def stop_at_the_third(job, v):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(v)
        return real(job, v)

    monkeypatch.setattr(conversion_module, 'process_view', stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(views, ALL)
    assert not list((tmp_path / 'out').rglob('*.json'))
    # as a process killed in the middle of a line leaves it
    with open(tmp_path / 'out/.conversion.jsonl', 'a') as file:
        file.write('\n["half a li')
    again = []
    monkeypatch.setattr(
        conversion_module,
        'process_view',
        lambda job, v: again.append(v.exam_id) or real(job, v),
    )
    _, data = run(views, ALL, write=False)
    assert again == ['e2', 'e3']
    assert len(data['train']['images']) == 4
    run(views, ALL, write=False)
    assert again == ['e2', 'e3']
    # what changed is done anew, and so is what left the cache
    views[0].lesions.append(RawLesion('mass', box=(1, 1, 9, 9)))
    _, data = run(views, ALL, write=False)
    assert again == ['e2', 'e3', 'e0'] and len(data['train']['annotations']) == 1
    for path in (tmp_path / 'cache').rglob('*.u16'):
        path.unlink()
    run(views, ALL, write=False)
    assert sorted(again[3:]) == ['e0', 'e1', 'e2', 'e3']


def test_processes_come_to_the_same(run, tmp_path):
    views = [
        view(i, side, projection)
        for i in range(3)
        for side in 'LR'
        for projection in ('CC', 'MLO')
    ]
    _, one = run(views, ALL)
    (tmp_path / 'out/.conversion.jsonl').unlink()
    _, two = run(views, ALL, write=False, workers=2)
    assert one == two


def test_ratio_keeps_patients_together_and_strata_apart(run):
    views = [
        view(i, side, pathology='malignant' if i % 2 else 'benign')
        for i in range(20)
        for side in 'LR'
    ]
    _, data = run(views, Split('ratio', dict(train=0.6, val=0.2, test=0.2)))
    patients = {
        part: {im['patient_id'] for im in d['images']} for part, d in data.items()
    }
    assert {part: len(p) for part, p in patients.items()} == dict(
        train=12, val=4, test=4
    )
    assert not patients['train'] & patients['test']
    for part, d in data.items():
        malignant = {
            im['patient_id'] for im in d['images'] if im['pathology'] == 'malignant'
        }
        assert len(malignant) == len(patients[part]) / 2


def test_official_parts(run):
    views = [view(i, part='train' if i < 10 else 'test') for i in range(15)]
    # one patient in both: the test part stays whole
    views.append(view(12, 'R', part='train'))
    summary, data = run(views, Split('official', val_share=0.2))
    count = {part: len(d['images']) for part, d in data.items()}
    assert count == dict(train=8, val=2, test=5)
    assert summary['skipped'] == {
        'official train view of a patient of the test part': 1
    }
    _, data = run(views, Split('official', val_share=0.0), write=False)
    assert {part: len(d['images']) for part, d in data.items()} == dict(
        train=10, test=5
    )  # val.json of the earlier split is gone
    with pytest.raises(ConversionError, match='no part in the official split'):
        run([view(1)], Split('official'))


def test_parts_that_stay_empty_are_told(run):
    views = [view(i) for i in range(4)]
    summary, data = run(views, Split('ratio', dict(train=0.8, val=0.1, test=0.1)))
    assert set(data) < {'train', 'val', 'test'}
    for part in {'train', 'val', 'test'} - set(data):
        assert any(
            f'--ratios: part {part} is empty' in note and 'give it 0.25' in note
            for note in summary['notes']
        )
    # the command that is told fills all
    (told,) = (
        note for note in summary['notes'] if note.endswith('part that is wanted')
    )
    ratios = dict(zip(('train', 'val', 'test'), map(float, told.split(' ')[1:4])))
    assert set(run(views, Split('ratio', ratios), write=False)[1]) == set(ratios)
    summary, _ = run(
        views, Split('ratio', dict(train=0.75, val=0.0, test=0.25)), write=False
    )
    assert not any('is empty' in note for note in summary['notes'])
    summary, _ = run(
        [view(i, part='train') for i in range(3)],
        Split('official', val_share=0.1),
        write=False,
    )
    said = ' '.join(summary['notes'])
    assert '--val-share: part val is empty' in said and 'give it 0.34' in said
    assert 'part test is empty: the official split has no view of it' in said


def test_folds(run):
    views = [view(i) for i in range(9)]
    _, data = run(views, Split('kfold', folds=3))
    held_out = [
        im['exam_id'] for k in (1, 2, 3) for im in data[f'fold_{k}/test']['images']
    ]
    assert sorted(held_out) == sorted(v.exam_id for v in views)
    for k in (1, 2, 3):
        assert data[f'fold_{k}/train']['info']['split'] == 'train'
        assert len(data[f'fold_{k}/train']['images']) == 6
    with pytest.raises(ConversionError, match='folds must be between'):
        run(views, Split('kfold', folds=10))


def test_folds_that_validate(run):
    """7:2:1 in each of ten folds; who is tested once validates twice."""
    views = [view(i) for i in range(20)]
    _, data = run(views, Split('kfold', folds=10, val_folds=2))
    times = Counter()
    for k in range(1, 11):
        parts = {
            name: {image['patient_id'] for image in data[f'fold_{k}/{name}']['images']}
            for name in ('train', 'val', 'test')
        }
        assert [len(parts[name]) for name in parts] == [14, 4, 2]
        assert len(set.union(*parts.values())) == 20
        times.update(parts['val'])
    assert set(times.values()) == {2} and len(times) == 20


def test_limit_and_foreign_output(run, tmp_path, write_picture):
    _, data = run([view(i) for i in range(5)], ALL, limit=2)
    assert len(data['train']['images']) == 2
    (tmp_path / 'other').mkdir()
    with pytest.raises(ConversionError, match='belongs to another data set'):
        convert(
            Toy([view(1)]),
            tmp_path / 'other',
            tmp_path / 'out',
            ALL,
            tmp_path / 'cache',
        )


def test_wrong_words_are_told_at_once():
    with pytest.raises(ValueError, match='laterality.*left'):
        view(1, 'left')
    with pytest.raises(ValueError, match='pathology'):
        RawLesion('mass', pathology='MALIGNANT')


def test_written_json_is_plain(run, tmp_path):
    run([view(1)], ALL)
    text = (tmp_path / 'out/annotations/train.json').read_text()
    assert json.loads(text)['info']['dataset'] == 'toy'
