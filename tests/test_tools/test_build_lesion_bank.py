"""tools/build_lesion_bank.py on phantom exams."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mammo_cli.main import main
from mammo_plugins.anatomy import CanonicalFrame, breast_mask, transform_boxes
from mammo_plugins.apis.lesion_cutting import CELL, COLUMNS
from mammo_plugins.io import read_mammogram
from mammo_plugins.structures import LesionBank

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run():
    def command(*arguments):
        main(['lesion-bank', *map(str, arguments)])

    return command


@pytest.fixture
def data(phantom_root):
    return json.loads((phantom_root / 'annotations/train.json').read_text())


@pytest.fixture
def ann_file(phantom_root, tmp_path):
    def write(data):
        path = tmp_path / 'changed.json'
        path.write_text(json.dumps(data))
        return path

    return write


def test_lesions_are_the_pixels_of_their_boxes(
    run, phantom_root, data, tmp_path, assert_private, capsys
):
    out = tmp_path / 'banks/phantom.npz'
    run(
        phantom_root / 'annotations/train.json',
        '--out',
        out,
        '--preview',
        tmp_path / 'banks/sheet.png',
    )
    bank = LesionBank.read(out)
    assert (bank.dataset, bank.split) == ('phantom', 'train')
    boxes = {}
    for annotation in data['annotations']:
        boxes.setdefault(annotation['image_id'], []).append(annotation)
    images = {image['file_name']: image for image in data['images']}
    printed = capsys.readouterr().out
    skipped = sum(
        int(line.split()[1][:-1])
        for line in printed.splitlines()
        if line.startswith('skipped')
    )
    assert len(bank) + skipped == len(data['annotations'])
    assert len(bank) > len(data['annotations']) / 2
    for lesion in bank.lesions:
        image = images[lesion.file_name]
        x1, y1, x2, y2 = np.rint(lesion.box).astype(int)
        pixels = read_mammogram(phantom_root / lesion.file_name).pixels
        expected = pixels[y1:y2, x1:x2]
        if CanonicalFrame.of(pixels).flipped:  # all breasts face the same way
            expected = expected[:, ::-1]
        np.testing.assert_allclose(lesion.pixels, expected, atol=1e-5)
        own = [
            a
            for a in boxes[image['id']]
            if np.allclose(
                [
                    a['bbox'][0],
                    a['bbox'][1],
                    a['bbox'][0] + a['bbox'][2],
                    a['bbox'][1] + a['bbox'][3],
                ],
                lesion.box,
                atol=1,
            )
        ]
        assert own and lesion.pathology in {a['pathology'] for a in own}
        assert lesion.pixel_spacing_mm == pytest.approx(image['pixel_spacing_mm'])
        assert lesion.image_shape[0] <= image['height']
    with Image.open(tmp_path / 'banks/sheet.png') as sheet:
        rows = -(-len(bank) // COLUMNS)
        assert sheet.size == (min(len(bank), COLUMNS) * CELL, rows * CELL)
        assert np.asarray(sheet).any()
    with np.load(out) as file:
        facts = str(file['bank'])
    assert str(phantom_root) not in facts and 'patient' not in facts
    assert_private(out.parent)


def test_skips_are_counted_and_listed(
    run, phantom_root, data, ann_file, tmp_path, capsys
):
    """One sound lesion and one for each reason."""
    lesion = max(data['annotations'], key=lambda a: a['area'])
    images = {image['id']: image for image in data['images']}
    place = images[lesion['image_id']]
    others = [i for i in data['images'] if i is not place][:3]
    others[0]['file_name'] = 'dicom/none.dcm'
    others[1]['width'] += 1
    others[2]['synthetic'] = dict(benign='a.png', malignant=None)
    pixels = read_mammogram(phantom_root / place['file_name']).pixels
    x1, y1, x2, y2 = CanonicalFrame.of(pixels, 8).crop
    inside = breast_mask(pixels)
    air = next(
        [x, y, 8, 8]
        for y in range(y1, y2 - 8)
        for x in range(x1, x2 - 8)
        if not inside[y : y + 8, x : x + 8].any()
    )
    x, y, w, _ = lesion['bbox']
    changes = [
        dict(),
        dict(iscrowd=1),
        dict(bbox=air),
        dict(bbox=[10000, 10000, 20, 20]),
        dict(bbox=[x + w / 2, y, 1, 1]),
        *(dict(image_id=other['id']) for other in others),
    ]
    data['annotations'] = [
        {**lesion, 'segmentation': [], 'id': k, **change}
        for k, change in enumerate(changes, 1)
    ]
    out = tmp_path / 'bank.npz'
    run(ann_file(data), '--out', out, '--data-root', phantom_root)
    assert len(LesionBank.read(out)) == 1
    printed = capsys.readouterr().out
    for reason, image in (
        ('region to ignore', place),
        ('less than 90% of the box', place),
        ('box without area', place),
        ('box of less than 4 pixels', place),
        ('unreadable file', others[0]),
        ('file whose size differs', others[1]),
        ('synthetic image', others[2]),
    ):
        lines = printed.splitlines()
        at = next(
            k
            for k, line in enumerate(lines)
            if line.startswith('skipped 1:') and reason in line
        )
        assert lines[at + 1].startswith(f'  image {image["id"]}')
    assert 'none.dcm' in printed


def test_large_lesions_are_shrunk(run, phantom_root, tmp_path):
    path = phantom_root / 'annotations/train.json'
    run(path, '--out', tmp_path / 'full.npz')
    run(path, '--out', tmp_path / 'small.npz', '--max-size', 8)
    full, small = (
        LesionBank.read(tmp_path / f'{name}.npz') for name in ('full', 'small')
    )
    assert len(full) == len(small)
    assert max(max(lesion.levels.shape) for lesion in full.lesions) > 8
    for one, other in zip(full.lesions, small.lesions):
        assert max(other.levels.shape) <= 8 and one.box == other.box
        for k in range(2):  # as many mm, and the same share of the breast's height
            pixel = other.pixel_spacing_mm[k]
            assert other.levels.shape[k] * pixel == pytest.approx(
                one.levels.shape[k] * one.pixel_spacing_mm[k], abs=0.51 * pixel
            )
            assert other.image_shape[k] * pixel == pytest.approx(
                one.image_shape[k] * one.pixel_spacing_mm[k]
            )
        assert other.pixels.mean() == pytest.approx(one.pixels.mean(), abs=0.02)


def test_classes(run, phantom_root, data, ann_file, tmp_path):
    data['categories'].append(dict(id=7, name='calcification'))
    chosen = data['annotations'][0]
    for annotation in data['annotations']:
        annotation['category_id'] = 7 if annotation is chosen else 1
    path = ann_file(data)
    for name, image_ids in (
        ('calcification', {chosen['image_id']}),
        ('mass', {a['image_id'] for a in data['annotations'][1:]}),
    ):
        out = tmp_path / f'{name}.npz'
        run(path, '--out', out, '--data-root', phantom_root, '--classes', name)
        files = {
            image['file_name'] for image in data['images'] if image['id'] in image_ids
        }
        assert {lesion.file_name for lesion in LesionBank.read(out).lesions} <= files


def test_absolute_paths_stay_out(run, phantom_root, data, ann_file, tmp_path):
    for image in data['images']:
        image['file_name'] = str(phantom_root / image['file_name'])
    run(ann_file(data), '--out', tmp_path / 'bank.npz', '--data-root', phantom_root)
    names = {
        lesion.file_name for lesion in LesionBank.read(tmp_path / 'bank.npz').lesions
    }
    assert names and not any('/' in name for name in names)


def test_mistakes(run, phantom_root, data, ann_file, tmp_path, capsys):
    path = phantom_root / 'annotations/train.json'
    without = dict(data, annotations=[])
    for arguments, message in (
        ([tmp_path / 'none.json'], 'none.json: no such annotation file'),
        ([path, '--data-root', tmp_path / 'nowhere'], 'nowhere: no such folder'),
        ([path, '--classes', 'mass', 'lump'], '--classes lump'),
        ([path, '--max-size', 1], '--max-size 1'),
        (
            [ann_file(without), '--data-root', phantom_root],
            'no lesion could be cut out',
        ),
    ):
        with pytest.raises(SystemExit) as stop:
            run(*arguments, '--out', tmp_path / 'bank.npz')
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert message in error and 'Traceback' not in error
    assert not (tmp_path / 'bank.npz').exists()


@pytest.mark.parametrize('max_size', [512, 12])
def test_a_lesion_near_the_skin_is_kept_without_the_air(
    run, phantom_root, data, ann_file, tmp_path, max_size
):
    """Its box, grown, reaches into the air; what is air is marked so."""
    record = data['images'][0]
    pixels = read_mammogram(phantom_root / record['file_name']).pixels
    frame = CanonicalFrame.of(pixels)
    inside = breast_mask(frame.image_to_canonical(pixels))
    row = inside.shape[0] // 2
    skin = int(np.flatnonzero(inside[row]).max())
    box = np.array([skin - 22, row - 8, skin - 6, row + 8.0])
    (x1, x2), (y1, y2) = (
        sorted(pair) for pair in transform_boxes(box, frame.inverse)[0].reshape(2, 2).T
    )
    lesion = dict(
        data['annotations'][0],
        id=1,
        image_id=record['id'],
        segmentation=[],
        bbox=[x1, y1, x2 - x1, y2 - y1],
    )
    run(
        ann_file(dict(data, annotations=[lesion])),
        '--out',
        tmp_path / 'bank.npz',
        '--data-root',
        phantom_root,
        '--context',
        '2',
        '--max-size',
        max_size,
    )
    (found,) = LesionBank.read(tmp_path / 'bank.npz').lesions
    assert max(found.levels.shape) == min(max_size, 32)
    assert 0.5 < found.inside.mean() < 0.97
    assert not (found.mask & ~found.inside).any()
    if max_size == 512:
        x1, y1, x2, y2 = box.astype(int) + [-8, -8, 8, 8]
        np.testing.assert_array_equal(found.inside, inside[y1:y2, x1:x2])
