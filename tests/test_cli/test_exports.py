"""mammo export and mammo report, as they are typed."""

import json
import shutil
import sys
from pathlib import Path

import pydicom
import pytest

from mammo_cli.main import main
from mammo_plugins.exports import images_root
from mammo_plugins.structures.exam_indexing import index_exams

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_exports'))
from made_predictions import predictions_of, write_lines, write_predictions

SECRETS = ('Doe', 'PID-7788', '19610203', 'ACC-4711')


@pytest.fixture(scope='module')
def images(phantom_root, tmp_path_factory):
    root = tmp_path_factory.mktemp('images')
    folder = sorted((phantom_root / 'dicom').iterdir())[0]
    shutil.copytree(folder, root / 'exam')
    for path in root.rglob('*.dcm'):
        ds = pydicom.dcmread(path)
        ds.PatientName, ds.PatientID = 'Doe^Jane', 'PID-7788'
        ds.PatientBirthDate, ds.AccessionNumber = '19610203', 'ACC-4711'
        ds.save_as(path)
    return root


@pytest.fixture(scope='module')
def content(images):
    return predictions_of(images)


def run(*words):
    try:
        main([*map(str, words)])
    except SystemExit as end:
        return end.code
    return 0


def test_all_outputs_are_free_of_the_patient(content, images, tmp_path, capfd):
    """Names of files, and what is printed, too."""
    annotations = dict(
        images=[
            dict(
                id=k, file_name=view['file'], width=view['width'], height=view['height']
            )
            for k, view in enumerate(content['exams'][0]['views'])
        ],
        categories=[dict(id=1, name='mass')],
    )
    (tmp_path / 'a.json').write_text(json.dumps(annotations))
    predictions, out = write_predictions(tmp_path / 'in', content), tmp_path / 'out'
    outputs = ['--csv', '--coco', tmp_path / 'a.json', '--dicom', '--images', images]
    assert not run('export', predictions, *outputs, '--out', out)
    page = ['--images', images, '--out', out / 'report.html']
    assert not run('report', predictions, *page)
    said = capfd.readouterr()
    names = {path.name.partition('_')[2] for path in out.glob('*.dcm')}
    views = ('RCC', 'LCC', 'RMLO', 'LMLO')
    assert names == {'report.dcm', *(f'{name}_presentation.dcm' for name in views)}
    others = {path.name for path in out.iterdir() if path.suffix != '.dcm'}
    assert others == {'predictions.csv', 'coco_results.json', 'report.html'}
    for secret in SECRETS:
        assert secret not in said.out + said.err
        for path in out.iterdir():
            assert secret.encode() not in path.read_bytes() and secret not in path.name
    for text in ('view 4, finding 12', '12 detections', '4 presentation'):
        assert text in said.out


def test_lines_are_taken_too(content, images, tmp_path, capsys):
    path = write_lines(tmp_path / 'predictions.jsonl', content)
    with open(path, 'a') as file:
        file.write('cut sho')
    assert not run('export', path, '--csv', '--out', tmp_path)
    said = capsys.readouterr().out
    assert '1 line cut short' in said and 'possibly incomplete' in said
    assert (tmp_path / 'predictions.csv').is_file()


@pytest.mark.parametrize(
    'words, said',
    [
        (['export', 'P'], 'give --csv, --coco ANNOTATIONS or --dicom'),
        (['export', 'P', '--dicom'], '--dicom: give --images'),
        (['export', 'P', '--csv', '--score-thr', '2'], 'expected 0 to 1'),
        (['export', 'none.json', '--csv'], 'none.json: no such file'),
        (['report'], 'give predictions, --test PATH or both'),
        (
            ['report', '--test', 'T', '--images', 'x'],
            'pictures are those of predictions',
        ),
        (['report', 'P', '--max-exams', '0'], '--max-exams 0: expected 1 or more'),
        (['report', 'P', '--height', '-1'], '--height -1: expected 1 or more'),
        (['report', '--test', 'none'], 'none: no such file or folder'),
        (['report', 'P', '--images', 'no'], 'no: no such file or folder; expected'),
        (['export', 'P', '--dicom', '--images', 'no'], 'no: no such file or folder;'),
        (['export', 'P', '--coco', 'no.json'], 'error: no.json: No such file'),
        (['export', 'P', '--csv', '--out', 'P'], 'is a file; name a folder'),
    ],
)
def test_mistakes_are_told_in_a_line(content, tmp_path, words, said, capsys):
    path = write_predictions(tmp_path, content)
    assert run(*(str(path) if word == 'P' else word for word in words)) == 2
    assert said in capsys.readouterr().err


def test_exams_of_pictures_have_no_dicom_objects(content, images, tmp_path, capsys):
    """Listed with the reason, and an error where nothing is left."""
    import cv2
    import numpy as np

    exam = json.loads(json.dumps(content['exams'][0]))
    for k, view in enumerate(exam['views']):
        view['file'] = f'{k}.png'
        noise = np.random.default_rng(k).integers(0, 255, (20, 20), np.uint8)
        cv2.imwrite(str(tmp_path / view['file']), noise)
    path = write_predictions(tmp_path / 'in', dict(content, exams=[exam]))
    code = run('export', path, '--dicom', '--images', tmp_path, '--out', tmp_path / 'o')
    assert 'no exam has a DICOM image' in str(code)
    assert '0.png, 1.png, 2.png and 1 more: it is a picture' in capsys.readouterr().out


@pytest.mark.parametrize('command', [['export', '--csv'], ['report']])
def test_incomplete_predictions_are_named(content, tmp_path, command, capsys):
    content = dict(content, info=dict(content['info'], complete=False))
    path, out = write_predictions(tmp_path, content), tmp_path / 'out'
    assert not run(command[0], path, *command[1:], '--out', out)
    assert f'{path}: incomplete: ' in capsys.readouterr().out
    if command == ['report']:
        assert 'The run is incomplete' in out.read_text()


def test_images_as_they_were_given(content, images, tmp_path, capsys):
    """A list, a DICOMDIR and an index stand for the folder of their files."""
    (images / 'DICOMDIR').write_bytes(b'')
    index_exams(images, tmp_path / 'exams.jsonl')
    (images / 'DICOMDIR').unlink()
    names = [view['file'] for view in content['exams'][0]['views']]
    (tmp_path / 'list.txt').write_text('\n'.join([str(images)]))
    (tmp_path / 'one.txt').write_text('\n'.join(str(images / name) for name in names))
    assert images_root(tmp_path / 'exams.jsonl') == images
    assert images_root(tmp_path / 'list.txt') == images
    assert images_root(tmp_path / 'one.txt') == images / 'exam'
    path, page = write_predictions(tmp_path, content), tmp_path / 'a.html'
    assert not run('report', path, '--images', tmp_path / 'list.txt', '--out', page)
    assert 'left out' not in capsys.readouterr().out
    images.rename(tmp_path / 'gone')
    try:
        with pytest.raises(FileNotFoundError, match='index.root: .*: no such folder'):
            images_root(tmp_path / 'exams.jsonl')
    finally:
        (tmp_path / 'gone').rename(images)


def test_objects_of_another_run_are_left_alone(content, images, tmp_path, capsys):
    words = ['--dicom', '--images', images, '--out', tmp_path / 'out']
    path = write_predictions(tmp_path / 'a', content)
    for _ in range(2):  # its own are written again
        assert not run('export', path, *words)
    before = {each: each.read_bytes() for each in (tmp_path / 'out').iterdir()}
    other = dict(content, info=dict(content['info'], run='f' * 16))
    exam = dict(content['exams'][0], exam_id='0' * 12)
    for changed, said in (
        (other, 'is an object of another run'),
        (dict(content, exams=[exam]), 'DICOM objects of other exams'),
    ):
        assert run('export', write_predictions(tmp_path / 'b', changed), *words) == 2
        assert said in capsys.readouterr().err
    assert run('export', path, *words, '--score-thr', 0.9) == 2
    after = {each: each.read_bytes() for each in (tmp_path / 'out').iterdir()}
    assert after == before
