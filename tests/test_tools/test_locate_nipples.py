"""tools/locate_nipples.py on phantom exams without nipples."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_cli.main import main
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import load_coco_exam

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs/momminet/nipple-detector_phantom.py')

ANNOTATED, UNREADABLE, GONE = 0, 1, 2


def run(*arguments):
    main(['nipples', *map(str, arguments)])


@pytest.fixture
def truth(phantom_root):
    return load_coco_exam(phantom_root / 'annotations/test.json')


@pytest.fixture
def ann_file(phantom_root, tmp_path, truth):
    """All nipples unknown but one; a file that is no image, and one that is gone."""
    data = json.loads(json.dumps(truth))
    for image in data['images'][1:]:
        image['nipple'] = None
    (tmp_path / 'broken.dcm').write_bytes(b'nothing')
    for i, name in ((UNREADABLE, 'broken.dcm'), (GONE, 'gone.dcm')):
        data['images'][i]['file_name'] = str(tmp_path / name)
    path = tmp_path / 'lacking.json'
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """An untrained detector."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    path = tmp_path_factory.mktemp('nipple') / 'untrained.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def without_nipples(data):
    left_out = ('nipple', 'nipple_source')
    return dict(
        data,
        images=[
            {k: v for k, v in image.items() if k not in left_out}
            for image in data['images']
        ],
    )


def test_contour_fills_what_is_missing(
    phantom_root, ann_file, truth, tmp_path, capsys, assert_private
):
    before = json.loads(ann_file.read_text())
    run(
        '--contour',
        ann_file,
        '--data-root',
        phantom_root,
        '--extra-root',
        ann_file.parent,
    )
    after = json.loads(ann_file.read_text())
    assert without_nipples(after) == without_nipples(before)
    assert after['images'][ANNOTATED] == before['images'][ANNOTATED]
    errors = []
    for i, image in enumerate(after['images'][1:], 1):
        if i in (UNREADABLE, GONE):
            assert image['nipple'] is None and 'nipple_source' not in image
            continue
        assert image['nipple_source'] == 'contour'
        error = np.subtract(image['nipple'], truth['images'][i]['nipple'])
        errors.append(np.hypot(*error) / image['height'])
    assert np.median(errors) < 0.05
    out = capsys.readouterr()
    assert '1 kept, 5 found on the skin line, 2 skipped' in out.out
    assert 'broken.dcm' in out.out and 'gone.dcm' in out.out
    assert_private(out.out, out.err, ann_file.read_text())
    assert not list(tmp_path.glob('.*.tmp'))


@pytest.mark.parametrize('score, source', [(0.0, 'detector'), (2.0, 'contour')])
def test_contour_stands_in_for_the_detector(
    phantom_root, ann_file, checkpoint, tmp_path, score, source
):
    before = ann_file.read_text()
    run(
        CONFIG,
        checkpoint,
        ann_file,
        '--data-root',
        phantom_root,
        '--extra-root',
        ann_file.parent,
        '--out',
        tmp_path / 'out.json',
        '--device',
        'cpu',
        '--cfg-options',
        f'model.test_cfg.rcnn.score_thr={score}',
    )
    assert ann_file.read_text() == before
    images = json.loads((tmp_path / 'out.json').read_text())['images']
    assert 'nipple_source' not in images[ANNOTATED]
    for image in images[GONE + 1 :]:
        assert image['nipple_source'] == source
        x, y = image['nipple']
        assert 0 <= x <= image['width'] and 0 <= y <= image['height']


def test_point_of_the_detector_is_mapped_to_the_file(
    monkeypatch, phantom_root, ann_file, checkpoint, truth, tmp_path
):
    """A detector that finds the canonical image's middle, on both sides."""
    monkeypatch.setattr(
        'mammo_plugins.models.detectors.NippleDetector.locate',
        lambda self, image, sample: (sample.img_shape[1] / 2, sample.img_shape[0] / 2),
    )
    run(
        CONFIG,
        checkpoint,
        ann_file,
        '--data-root',
        phantom_root,
        '--extra-root',
        ann_file.parent,
        '--overwrite',
        '--device',
        'cpu',
    )
    images = json.loads(ann_file.read_text())['images']
    assert images[ANNOTATED]['nipple_source'] == 'detector'
    loader = LoadMammogram()
    for image in images[GONE + 1 :]:
        x1, y1, x2, y2 = loader.load(str(phantom_root / image['file_name']))[1].crop
        assert image['nipple'] == pytest.approx([(x1 + x2) / 2, (y1 + y2) / 2])


def test_all_annotated_leaves_the_file_alone(phantom_root, capsys):
    path = phantom_root / 'annotations/test.json'
    before = path.read_bytes(), path.stat().st_mtime_ns
    run('--contour', path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert '8 kept' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--contour', 'a', 'b'], 'expected CONFIG CHECKPOINT ANN_FILE'),
        (['a.json'], 'expected CONFIG CHECKPOINT ANN_FILE'),
        (['--contour', 'nowhere.json'], 'nowhere.json: no such annotation file'),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_model_without_nipple_detector(phantom_root, tmp_path, capsys):
    config = ROOT / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    with pytest.raises(SystemExit):
        run(config, tmp_path / 'a.pth', phantom_root / 'annotations/test.json')
    assert 'FasterRCNN; expected a NippleDetector' in capsys.readouterr().err


def test_wrong_root_is_an_error(ann_file, capsys):
    data = json.loads(ann_file.read_text())
    data['images'] = data['images'][1:]
    data['annotations'] = []
    ann_file.write_text(json.dumps(data))
    with pytest.raises(SystemExit, match='2'):
        run('--contour', ann_file)
    assert re.search('no image could be read.*--data-root', capsys.readouterr().err)


def test_other_folders_are_named_by_the_user(phantom_root, ann_file, capsys):
    """Two images of the file lie beside it, outside of the data root."""
    with pytest.raises(SystemExit, match='2'):
        run('--contour', ann_file, '--data-root', phantom_root)
    error = capsys.readouterr().err
    assert 'images[1].file_name' in error and '--extra-root' in error
    run(
        '--contour',
        ann_file,
        '--data-root',
        phantom_root,
        '--extra-root',
        ann_file.parent,
    )
    assert '2 skipped' in capsys.readouterr().out
