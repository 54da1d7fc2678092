"""tools/misc: a config as it is merged, and data as the network gets them."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mammo_plugins.registry import DATASETS

CONFIG = 'configs/disasym/disasymnet_phantom.py'


def test_a_config_is_printed_as_it_is_merged(run_tool, tmp_path):
    done = run_tool(
        'tools/misc/print_config.py',
        CONFIG,
        '--save-path',
        tmp_path / 'merged.py',
        '--cfg-options',
        'train_dataloader.dataset.pipeline.insert=None',
    )
    assert done.returncode == 0, done.err
    printed = Config.fromstring(done.out, '.py')
    merged = Config.fromfile(tmp_path / 'merged.py')
    assert printed.to_dict() == merged.to_dict()
    expected = Config.fromfile(CONFIG)
    assert expected.train_dataloader.dataset.pipeline.insert is not None
    expected.train_dataloader.dataset.pipeline.insert = None
    assert {key: printed[key] for key in expected} == expected.to_dict()


def test_unknown_settings_are_told(run_tool):
    done = run_tool(
        'tools/misc/print_config.py', CONFIG, '--cfg-options', 'modl.asyd=3'
    )
    assert done.returncode == 2 and 'did you mean model' in done.err


@pytest.fixture
def options(phantom_root):
    return [
        f'{part}_dataloader.dataset.{key}'
        for part in ('train', 'test')
        for key in (f'data_root={phantom_root}',)
    ] + [
        'train_dataloader.dataset.pipeline.insert=None',
        'train_dataloader.dataset.pipeline.load.transforms.image.cache_dir=None',
        'test_dataloader.dataset.pipeline.load.transforms.image.cache_dir=None',
    ]


def test_pictures_are_what_the_network_gets(
    run_tool, tmp_path, options, assert_private
):
    done = run_tool(
        'tools/misc/browse_dataset.py',
        CONFIG,
        '-o',
        tmp_path / 'out',
        '--phase',
        'test',
        '-n',
        2,
        '--cfg-options',
        *options,
    )
    assert done.returncode == 0, done.err
    assert '4 pictures' in done.out
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(dict(option.split('=') for option in options))
    settings = cfg.test_dataloader.dataset
    settings.pipeline.load.transforms.image.cache_dir = None
    with DATASETS.switch_scope_and_registry('mammo'):
        dataset = DATASETS.build(settings)
    listed = json.loads((tmp_path / 'out/samples.json').read_text())
    assert [entry['file'] for entry in listed] == [
        f'0000{i}_{side}.png' for i in range(2) for side in 'RL'
    ]
    boxes = 0
    for i in range(2):
        packed = dataset[i]
        for side in 'RL':
            picture = cv2.imread(
                str(tmp_path / f'out/0000{i}_{side}.png'), cv2.IMREAD_UNCHANGED
            )
            assert picture.dtype == np.uint16 and picture.shape == (96, 48, 3)
            grey = (picture == picture[..., :1]).all(axis=-1)
            image = packed['inputs'][side][0].numpy()
            np.testing.assert_allclose(
                picture[..., 0][grey] / 65535, image[grey], atol=0.6 / 65535
            )
            found = packed['data_samples'].get(side).gt_instances
            boxes += len(found)
            # lines where there are lesions, and nowhere else
            for x1, y1, x2, y2 in found.bboxes.tensor.round().int().tolist():
                assert not grey[y1 : y2 + 1, min(x1, 47)].any()
            assert grey.all() == (len(found) == 0)
    assert boxes
    assert_private(tmp_path / 'out')


def test_more_than_8_bits_are_kept(tmp_path):
    from mammo_plugins.visualization.inputs import write_input

    ramp = np.linspace(0, 1, 65536).reshape(1, 256, 256)
    write_input(ramp, None, tmp_path / 'a.png')
    picture = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert len(np.unique(picture)) == 65536


def test_stages_and_parts_that_are_not_there(run_tool, tmp_path, phantom_root):
    done = run_tool(
        'tools/misc/browse_dataset.py',
        'configs/mamminet_v2_phantom.py',
        '-o',
        tmp_path,
        '--stage',
        'warm-up',
    )
    assert (
        done.returncode == 2 and '--stage warm-up: configs/mamminet_v2_ph' in done.err
    )
    assert 'there are ipsilateral, bilateral, fusion, malignancy' in done.err
    for config, words, said in [
        ('configs/mamminet_v2_phantom.py', ['malignant'], 'did you mean malignancy?'),
        ('configs/mamminet_v2_phantom.py', ['fusion', '-p', 'val'], 'leave --stage'),
        (CONFIG, ['fusion'], 'has no stages; leave --stage out'),
    ]:
        done = run_tool(
            'tools/misc/browse_dataset.py', config, '-o', tmp_path, '--stage', *words
        )
        assert done.returncode == 2 and said in done.err
    done = run_tool(
        'tools/misc/browse_dataset.py',
        'configs/blending/blending-gan_phantom.py',
        '-o',
        tmp_path,
        '--phase',
        'test',
    )
    assert done.returncode == 2 and 'no data loader for test; it has train_' in done.err


@pytest.mark.parametrize('ending', ['json', 'yml', 'yaml'])
def test_a_config_is_written_as_its_ending_says(run_tool, tmp_path, ending):
    path = tmp_path / f'merged.{ending}'
    done = run_tool('tools/misc/print_config.py', CONFIG, '--save-path', path)
    assert done.returncode == 0, done.err
    read = Config.fromfile(path)
    printed = Config.fromstring(done.out, '.py')
    assert json.loads(json.dumps(read.to_dict())) == json.loads(
        json.dumps(printed.to_dict())
    )  # a tuple is a list in JSON
    if ending == 'json':
        json.loads(path.read_text())


@pytest.mark.parametrize('name', ['merged.txt', 'merged', 'merged.PY'])
def test_other_endings_are_refused(run_tool, tmp_path, name):
    done = run_tool(
        'tools/misc/print_config.py', CONFIG, '--save-path', tmp_path / name
    )
    assert done.returncode == 2 and not done.out
    assert '--save-path' in done.err and '.py, .json, .yml, .yaml' in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'dtype, white',
    [
        (np.uint8, 255),
        (np.uint16, 65535),
        (np.float32, 1),
        (np.float32, 255),
        (np.float32, 65535),
        (np.int64, 255),
    ],
)
def test_pictures_are_scaled_as_their_type_says(tmp_path, dtype, white):
    from mammo_plugins.visualization.inputs import write_input

    image = np.array([[[0, white / 5, white]]]).astype(dtype)
    write_input(image, None, tmp_path / 'a.png')
    picture = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert picture.dtype == np.uint16
    assert picture[0, :, 0].tolist() == [0, 13107, 65535]


def test_pixels_of_dark_images_are_not_made_brighter(tmp_path):
    from mammo_plugins.visualization.inputs import write_input

    write_input(np.full((1, 2, 2), 1, np.uint8), None, tmp_path / 'a.png')
    picture = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert (picture == 257).all()


@pytest.fixture
def plain(tmp_path):
    """A config of mmdet's own pipeline, and the picture that it reads."""
    image = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    (tmp_path / 'a.json').write_text(
        json.dumps(
            dict(
                images=[dict(id=1, file_name='a.png', width=30, height=40)],
                categories=[dict(id=1, name='mass')],
                annotations=[
                    dict(
                        id=1,
                        image_id=1,
                        category_id=1,
                        bbox=[4, 5, 10, 12],
                        area=120,
                        iscrowd=0,
                    )
                ],
            )
        )
    )
    config = tmp_path / 'plain.py'
    config.write_text(f"""
custom_imports = dict(imports=['mammo_plugins'], allow_failed_imports=False)
default_scope = 'mmdet'
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        type='CocoDataset', data_root={str(tmp_path)!r}, ann_file='a.json',
        data_prefix=dict(img=''),
        metainfo=dict(classes=('mass', )), test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs')]))
""")
    return config, image


def test_the_pipeline_of_mmdet(run_tool, tmp_path, plain):
    config, image = plain
    words = (
        'tools/misc/browse_dataset.py',
        config,
        '-o',
        tmp_path / 'out',
        '-p',
        'test',
        '--not-show',
    )
    done = run_tool(*words)
    assert done.returncode == 0, done.err
    picture = cv2.imread(str(tmp_path / 'out/00000.png'), cv2.IMREAD_UNCHANGED)
    grey = (picture == picture[..., :1]).all(axis=-1)
    assert 0 < (~grey).sum() < 60
    assert (picture[..., 0][grey] == 257 * image[grey].astype(int)).all()
    # a second run would leave pictures that its list does not name
    before = {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()}
    for left in ('samples.json', '00000.png'):
        again = run_tool(*words)
        assert again.returncode == 2 and 'choose another folder' in again.err
        assert {
            path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()
        } == before
        before.pop(left)
        (tmp_path / 'out' / left).unlink()
    assert run_tool(*words).returncode == 0


@pytest.mark.parametrize('number', [0, -3])
def test_numbers_of_samples_below_one(run_tool, tmp_path, plain, number):
    done = run_tool(
        'tools/misc/browse_dataset.py',
        plain[0],
        '-o',
        tmp_path / 'out',
        '-p',
        'test',
        '--show-number',
        number,
    )
    assert done.returncode == 2
    assert f'--show-number {number}: expected at least 1' in done.err
    assert not (tmp_path / 'out').exists()
