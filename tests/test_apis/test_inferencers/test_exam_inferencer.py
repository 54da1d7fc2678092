import json
import os
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.io import JsonLines
from mammo_plugins.registry import MODELS

CONFIG = (
    Path(__file__).parents[3] / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
)


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    cfg = Config.fromfile(CONFIG)
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    path = tmp_path_factory.mktemp('checkpoint') / 'a.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return ExamInferencer(CONFIG, str(path), device='cpu')


@pytest.fixture
def folder(phantom_root, tmp_path):
    """Two exams, one view truncated, among other files."""
    out = tmp_path / 'in'
    shutil.copytree(phantom_root / 'dicom/phantom_0001', out / 'a')
    shutil.copytree(phantom_root / 'dicom/phantom_0002', out / 'b')
    (out / 'readme.txt').write_text('no image')
    broken = sorted((out / 'b').glob('*.dcm'))[0]
    broken.write_bytes(broken.read_bytes()[:-2000])
    return out, broken


def at_a_known_place(monkeypatch, inferencer, box):
    """Make the model predict one box, given in canonical pixels."""

    def test_step(data):
        (sample,) = data['data_samples']
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([box]),
            scores=torch.tensor([0.75]),
            labels=torch.tensor([0]),
        )
        return [sample]

    monkeypatch.setattr(inferencer.model, 'test_step', test_step)


def test_boxes_are_in_file_pixels_and_millimetres(
    inferencer, folder, tmp_path, monkeypatch
):
    root, broken = folder
    at_a_known_place(monkeypatch, inferencer, [10.0, 20.0, 16.0, 28.0])
    result = inferencer(root, tmp_path / 'out')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written == json.loads(json.dumps(result))
    assert [len(exam['views']) for exam in result['exams']] == [4, 3]
    for exam in result['exams']:
        assert (tmp_path / 'out' / exam['figure']).stat().st_size > 10000
        for view in exam['views']:
            truth = pydicom.dcmread(root / view['file'])
            (detection,) = view['detections']
            assert detection['score'] == 0.75
            assert detection['category'] == 'mass'
            x1, y1, x2, y2 = detection['bbox']
            assert (x2 - x1, y2 - y1) == (6, 8)
            # 10 pixels from the crop's chest-wall side, wherever that is
            assert view['warnings'] == []
            crop, flipped = _frame(inferencer, root / view['file'])
            expected_x1 = crop[2] - 16 if flipped else crop[0] + 10
            assert (x1, y1) == (expected_x1, crop[1] + 20)
            assert flipped == (view['laterality'] == 'R')
            row, column = map(float, truth.ImagerPixelSpacing)
            np.testing.assert_allclose(
                detection['bbox_mm'],
                [x1 * column, y1 * row, x2 * column, y2 * row],
                atol=1e-3,
            )
    skipped = {entry['file']: entry['reason'] for entry in result['skipped']}
    assert set(skipped) == {'readme.txt', f'b/{broken.name}'}
    assert 'truncated' in skipped[f'b/{broken.name}']


def _frame(inferencer, path):
    from mammo_plugins.anatomy import CanonicalFrame
    from mammo_plugins.io import read_mammogram

    frame = CanonicalFrame.of(read_mammogram(path).pixels, margin=8)
    return frame.crop, frame.flipped


def test_the_network_itself(inferencer, phantom_root):
    result = inferencer(phantom_root / 'dicom/phantom_0001')
    for view in result['exams'][0]['views']:
        scores = [d['score'] for d in view['detections']]
        assert scores and scores == sorted(scores, reverse=True)
        for x1, y1, x2, y2 in (d['bbox'] for d in view['detections']):
            assert 0 <= x1 <= x2 <= view['width']
            assert 0 <= y1 <= y2 <= view['height']


def test_a_mirrored_image_is_warned_of(inferencer, phantom_root, tmp_path):
    ds = pydicom.dcmread(phantom_root / 'dicom/phantom_0001/L_CC.dcm')
    ds.PixelData = ds.pixel_array[:, ::-1].tobytes()
    ds.save_as(tmp_path / 'a.dcm')
    (view,) = inferencer(tmp_path)['exams'][0]['views']
    assert 'chest wall is on the right' in view['warnings'][0]


@pytest.mark.parametrize('there', [True, False])
def test_a_missing_breast_is_warned_of(inferencer, phantom_root, tmp_path, there):
    """Not one that fills the image."""
    ds = pydicom.dcmread(phantom_root / 'dicom/phantom_0001/L_CC.dcm')
    pixels = ds.pixel_array.copy()
    if not there:
        speck = pixels[60:63, 10:13].copy()
        pixels[:] = pixels.min()
        pixels[60:63, 10:13] = speck
    else:
        (y1, y2), (x1, x2) = (
            (kept[0], kept[-1] + 1)
            for kept in (
                np.flatnonzero((pixels > pixels.min()).any(axis=axis))
                for axis in (1, 0)
            )
        )
        pixels = pixels[y1:y2, x1:x2]
        ds.Rows, ds.Columns = pixels.shape
    ds.PixelData = pixels.tobytes()
    ds.save_as(tmp_path / 'a.dcm')
    (view,) = inferencer(tmp_path)['exams'][0]['views']
    told = [w for w in view['warnings'] if 'the breast could not be separated' in w]
    assert bool(told) is not there


def test_what_was_done_is_kept_when_stopped(
    inferencer, phantom_root, tmp_path, monkeypatch
):
    preprocess, done = inferencer.preprocess, []

    def stop_at_the_third(exam):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(exam.key)
        return preprocess(exam)

    monkeypatch.setattr(inferencer, 'preprocess', stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        inferencer(phantom_root / 'dicom', tmp_path / 'out')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert [exam['exam_id'] for exam in written['exams']] == done
    assert written['info']['complete'] is False


def test_a_stop_between_a_line_and_what_follows_it(
    inferencer, folder, tmp_path, monkeypatch
):
    """What is in predictions.jsonl is in predictions.json, with what it left out."""
    root, broken = folder
    append, lines = JsonLines.append, []

    def written_and_stopped(self, obj):
        append(self, obj)
        lines.append(obj)
        if len(lines) == 3:  # the run's, the first exam's, that with a broken file
            raise KeyboardInterrupt

    monkeypatch.setattr(JsonLines, 'append', written_and_stopped)
    with pytest.raises(KeyboardInterrupt):
        inferencer(root, tmp_path / 'out')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written['exams'] == [line['exam'] for line in lines[1:]]
    assert f'b/{broken.name}' in [entry['file'] for entry in written['skipped']]
    assert written['info']['complete'] is False


def test_a_stop_before_what_was_done_earlier(inferencer, folder, tmp_path, monkeypatch):
    """Exams whose lines a run before this one wrote are in predictions.json, too."""
    whole = inferencer(folder[0], tmp_path / 'out', figures='none')

    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr('mammo_plugins.apis.inferencers.base.raise_if_stopped', stop)
    with pytest.raises(KeyboardInterrupt):
        inferencer(folder[0], tmp_path / 'out', figures='none')
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written['exams'] == json.loads(json.dumps(whole['exams']))
    assert written['info']['complete'] is False


def test_unsafe_checkpoints_are_refused(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict={}, meta=Path('x')), path)
    with pytest.raises(CheckpointError, match='trust'):
        ExamInferencer(CONFIG, str(path))


def test_nothing_usable_leaves_earlier_results(inferencer, tmp_path):
    (tmp_path / 'a.txt').write_text('x')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/predictions.json').write_text('earlier')
    with pytest.raises(ConfigError, match='holds results of another run'):
        inferencer(tmp_path, tmp_path / 'out')
    assert (tmp_path / 'out/predictions.json').read_text() == 'earlier'


def test_a_folder_without_anything_usable(inferencer, tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/a.txt').write_text('x')
    result = inferencer(tmp_path / 'in', tmp_path / 'out')
    assert result['exams'] == []
    assert [entry['file'] for entry in result['skipped']] == ['a.txt']
    assert not (tmp_path / 'out').exists()


def count_predictions(monkeypatch, inferencer):
    preprocess, exams = inferencer.preprocess, []

    def predicting(exam):
        exams.append(exam.key)
        return preprocess(exam)

    monkeypatch.setattr(inferencer, 'preprocess', predicting)
    return exams


def test_the_same_call_goes_on(inferencer, folder, tmp_path, monkeypatch):
    """Whatever was done stays; what has changed since is done again."""
    root, broken = folder
    out = tmp_path / 'out'
    whole = inferencer(root, out)
    *lines, end = (out / 'predictions.jsonl').read_text().splitlines()
    assert len(lines) == 3 and '"complete": true' in end
    done = count_predictions(monkeypatch, inferencer)
    # killed while it wrote the second exam
    (out / 'predictions.json').unlink()
    (out / 'predictions.jsonl').write_text('\n'.join(lines)[:-20])
    assert inferencer(root, out) == whole
    assert done == [whole['exams'][1]['exam_id']]
    assert json.loads((out / 'predictions.json').read_text()) == json.loads(
        json.dumps(whole)
    )
    done.clear()
    assert inferencer(root, out) == whole
    assert not done
    (out / whole['exams'][0]['figure']).unlink()
    (root / 'b' / 'again.dcm').write_bytes(broken.read_bytes())
    os.utime(next(p for p in (root / 'b').glob('*.dcm') if p != broken))
    inferencer(root, out)
    assert sorted(done) == sorted(exam['exam_id'] for exam in whole['exams'])


@pytest.mark.parametrize('what', ['path', 'option', 'weights'])
def test_results_of_two_runs_are_not_mixed(
    inferencer, phantom_root, tmp_path, monkeypatch, what
):
    exam, out = phantom_root / 'dicom/phantom_0001', tmp_path / 'out'
    inferencer(exam, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    options = {}
    if what == 'path':
        exam = phantom_root / 'dicom/phantom_0002'
    elif what == 'option':
        options = dict(score_thr=0.5)
    else:
        (tmp_path / 'b.pth').write_bytes(b'other weights')
        monkeypatch.setattr(inferencer, 'checkpoint', tmp_path / 'b.pth')
    with pytest.raises(ConfigError) as error:
        inferencer(exam, out, **options)
    assert '1 exam by faster-rcnn_hrnetv2p-w8_phantom.py and a.pth' in str(error.value)
    assert before == {path: path.read_bytes() for path in out.iterdir()}


def test_several_paths(inferencer, phantom_root, tmp_path):
    """Any mixture of files and folders; each file once."""
    dicom = phantom_root / 'dicom'
    files = sorted((dicom / 'phantom_0001').glob('*.dcm'))
    result = inferencer([*files, dicom / 'phantom_0002', str(files[0])])
    assert [len(exam['views']) for exam in result['exams']] == [4, 4]
    assert not result['skipped']
    assert {view['file'] for exam in result['exams'] for view in exam['views']} == {
        path.relative_to(dicom).as_posix()
        for number in (1, 2)
        for path in (dicom / f'phantom_000{number}').glob('*.dcm')
    }
    one = inferencer(files[0])['exams'][0]['views']
    assert [view['file'] for view in one] == [files[0].name]
    assert inferencer(np.array(list(map(str, files[:1]))))['exams'][0]['views'] == one
    with pytest.raises(FileNotFoundError, match='no file or folder is given'):
        inferencer([])
    with pytest.raises(FileNotFoundError, match='nowhere: no such file or folder'):
        inferencer([files[0], tmp_path / 'nowhere'])
    with pytest.raises(TypeError):
        inferencer(np.zeros((4, 4)))


def test_several_paths_from_where_one_is(
    inferencer, phantom_root, tmp_path, monkeypatch
):
    """Names are relative to the folder that they have in common, however given."""
    for name, number in (('a', 1), ('b', 2)):
        (tmp_path / name).mkdir()
        shutil.copy(
            phantom_root / f'dicom/phantom_000{number}/L_CC.dcm', tmp_path / name
        )
    (tmp_path / 'b/readme.txt').write_text('no image')
    monkeypatch.chdir(tmp_path)
    result = inferencer(['a', 'b/../b'])
    assert [exam['views'][0]['file'] for exam in result['exams']] == [
        'a/L_CC.dcm',
        'b/L_CC.dcm',
    ]
    assert [entry['file'] for entry in result['skipped']] == ['b/readme.txt']


def test_a_detection_outside_the_breast(inferencer, phantom_root, monkeypatch):
    """Beside the breast, where a mirrored marker would be: dropped and counted."""
    (view,) = inferencer(phantom_root / 'dicom/phantom_0001/L_CC.dcm')['exams'][0][
        'views'
    ]
    (x1, y1, x2, y2), _ = _frame(
        inferencer, phantom_root / 'dicom/phantom_0001/L_CC.dcm'
    )
    corner = [x2 - x1 - 5.0, 0.0, x2 - x1 - 1.0, 4.0]  # of a breast that is round
    at_a_known_place(monkeypatch, inferencer, corner)
    (view,) = inferencer(phantom_root / 'dicom/phantom_0001/L_CC.dcm')['exams'][0][
        'views'
    ]
    assert view['detections'] == [] and view['outside_breast'] == 1
    at_a_known_place(
        monkeypatch, inferencer, [0.0, (y2 - y1) / 2, 8.0, (y2 - y1) / 2 + 8]
    )
    (view,) = inferencer(phantom_root / 'dicom/phantom_0001/L_CC.dcm')['exams'][0][
        'views'
    ]
    assert len(view['detections']) == 1 and view['outside_breast'] == 0


def test_identity_stays_out(inferencer, folder, tmp_path, capsys, assert_private):
    inferencer(folder[0], tmp_path / 'out')
    said = capsys.readouterr()
    assert_private(said.out, said.err, tmp_path / 'out')


def changed(source, path, **elements):
    ds = pydicom.dcmread(source)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path)


def test_what_is_called_used_was_used(inferencer, phantom_root, tmp_path):
    """The next image takes the place of one whose pixels cannot be read."""
    source, root = phantom_root / 'dicom/phantom_0001/L_CC.dcm', tmp_path / 'in'
    changed(source, root / 'a.dcm')
    changed(source, root / 'b.dcm', ImageType=['DERIVED', 'PRIMARY', 'GENERATED_2D'])
    changed(source, root / 'c.dcm', PresentationIntentType='FOR PROCESSING')
    changed(source, root / 'd.dcm', ImageType=['ORIGINAL', 'PRIMARY', 'SPOT'])
    (root / 'a.dcm').write_bytes((root / 'a.dcm').read_bytes()[:-3000])
    result = inferencer(root, tmp_path / 'out')
    (view,) = result['exams'][0]['views']
    assert (view['file'], view['image_kind']) == ('b.dcm', 'synthetic 2-D')
    assert 'no full-field image of this view' in view['warnings'][0]
    reasons = {entry['file']: entry['reason'] for entry in result['skipped']}
    assert 'truncated' in reasons['a.dcm']
    assert reasons['c.dcm'] == 'another LCC of the same exam (raw); b.dcm is used'
    assert reasons['d.dcm'].startswith('spot compression image')


def test_boxes_of_a_turned_file_are_in_its_pixels(
    inferencer, phantom_root, tmp_path, monkeypatch
):
    at_a_known_place(monkeypatch, inferencer, [10.0, 20.0, 16.0, 28.0])
    source = phantom_root / 'dicom/phantom_0001/L_CC.dcm'
    changed(source, tmp_path / 'upright/a.dcm', PatientOrientation=['A', 'R'])
    ds = pydicom.dcmread(source)
    pixels = np.ascontiguousarray(ds.pixel_array.T[::-1])  # turned to the left
    changed(
        source,
        tmp_path / 'turned/a.dcm',
        Rows=pixels.shape[0],
        Columns=pixels.shape[1],
        PixelData=pixels.tobytes(),
        PatientOrientation=['R', 'P'],
    )
    upright, turned = (
        inferencer(tmp_path / name)['exams'][0]['views'][0]
        for name in ('upright', 'turned')
    )
    x1, y1, x2, y2 = upright['detections'][0]['bbox']
    width = upright['width']
    assert turned['detections'][0]['bbox'] == [y1, width - x2, y2, width - x1]
    assert turned['warnings'] == [
        'the image was rotated according to PatientOrientation'
    ]


def test_doubts_and_notes_are_in_the_predictions(inferencer, phantom_root, tmp_path):
    for patient, view in (('A', 'L_CC'), ('B', 'R_CC')):
        changed(
            phantom_root / f'dicom/phantom_0001/{view}.dcm',
            tmp_path / f'{view}.dcm',
            PatientID=patient,
            Modality='',
        )
    result = inferencer(tmp_path)
    assert [len(exam['views']) for exam in result['exams']] == [1, 1]
    assert all('several patients' in exam['warnings'][0] for exam in result['exams'])
    assert result['notes'] == ['2 files: no Modality']


def test_faults_of_pixels_are_told_and_a_generator_of_files_is_taken(
    inferencer, phantom_root, tmp_path
):
    changed(
        phantom_root / 'dicom/phantom_0001/L_CC.dcm', tmp_path / 'a.dcm', HighBit=15
    )
    result = inferencer(tmp_path.glob('*.dcm'))
    (view,) = result['exams'][0]['views']
    assert any('HighBit' in warning for warning in view['warnings'])
