"""tools/synthesize.py, saliency.py and naturalness.py on phantom exams."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from mammo_cli.main import main
from mammo_plugins.anatomy import breast_mask, transform_boxes
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import read_mammogram
from mammo_plugins.registry import DATASETS, MODELS
from mammo_plugins.structures import AnnotationError, load_coco_exam, validate_coco_exam
from mammo_plugins.structures.saliency import SaliencyMaps
from mammo_plugins.synthesis import fourier_adapt, gaussian_mask
from mammo_plugins.visualization.synthesis import plot_panels

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs/divf/divf-concatenate_r18_phantom.py')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    with torch.no_grad():  # untrained; all it sees speaks for benign
        model.head.fc.weight.uniform_(0.5, 1)[1] *= -1
    path = tmp_path_factory.mktemp('weights') / 'divf.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


@pytest.fixture
def root(phantom_root, tmp_path):
    """The phantom's exams, in which every breast with a lesion is malignant."""
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    with_lesion = {a['image_id'] for a in data['annotations']}
    breasts = {
        (i['exam_id'], i['laterality'])
        for i in data['images']
        if i['id'] in with_lesion
    }
    for image in data['images']:
        bad = (image['exam_id'], image['laterality']) in breasts
        image['birads'] = '4' if bad else '2'
    for annotation in data['annotations']:
        annotation.update(birads='5', pathology='malignant')
    path = tmp_path / 'data/annotations/train.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(data))
    (tmp_path / 'data/dicom').symlink_to(phantom_root / 'dicom')
    return tmp_path / 'data'


def options(root, pixel_cache):
    return [
        '--cfg-options',
        f'train_dataloader.dataset.data_root={root}',
        *(
            f'{part}_dataloader.dataset.pipeline.load.transforms.image.cache_dir='
            + pixel_cache
            for part in ('train', 'test')
        ),
    ]


def run(*words):
    main(list(map(str, words)))


@pytest.fixture
def make(checkpoint, root, pixel_cache):
    def made(out, *arguments, command='synthesize'):
        run(
            command,
            CONFIG,
            checkpoint,
            '--out',
            out,
            '--device',
            'cpu',
            *arguments,
            *options(root, pixel_cache),
        )
        return out

    return made


def test_writes_a_data_set_with_provenance(
    make, checkpoint, root, tmp_path, assert_private, capsys
):
    out = make(
        tmp_path / 'made',
        '--count',
        '4',
        '--context',
        '1',
        '--independent-views',
        '--without',
        'fourier',
        'soft-mask',
    )
    data = load_coco_exam(out / 'annotations/train.json')
    assert validate_coco_exam(data) == []
    assert data['info']['split'] == 'train'
    original = load_coco_exam(root / 'annotations/train.json')
    by_file = {image['file_name']: image for image in original['images']}
    pasted = 0
    hashes = {
        f'{what}_sha256': hashlib.sha256(path.read_bytes()).hexdigest()
        for what, path in (
            ('checkpoint', checkpoint),
            ('saliency', out / 'saliency.npz'),
        )
    }
    for image in data['images']:
        facts = image['synthetic']
        assert hashes.items() <= facts.items()
        assert (
            facts.get('saliency_checkpoint_sha256', hashes['checkpoint_sha256'])
            == hashes['checkpoint_sha256']
        )
        benign = by_file[facts['benign']]
        assert benign['birads'] == '2'
        assert image['patient_id'] == benign['patient_id']
        assert image['exam_id'].startswith('synthetic_')
        pixels = read_mammogram(out / image['file_name']).pixels
        before = read_mammogram(root / facts['benign']).pixels
        assert pixels.shape == before.shape
        changed = np.zeros(pixels.shape, bool)
        if facts['malignant'] is not None:
            pasted += 1
            assert by_file[facts['malignant']]['birads'] == '4'
            assert (image['birads'], image['pathology']) == ('5', 'malignant')
            assert (
                facts['fourier_beta'],
                facts['soft_mask'],
                facts['same_distance'],
            ) == (None, None, False)
            x1, y1, x2, y2 = map(round, facts['region'])
            u1, v1, u2, v2 = map(round, facts['lesion'])
            changed[y1:y2, x1:x2] = True
            donor = read_mammogram(root / facts['malignant']).pixels[v1:v2, u1:u2]
            sides = (image['laterality'], by_file[facts['malignant']]['laterality'])
            if sides[0] != sides[1]:  # all breasts face the same way
                donor = donor[:, ::-1]
            same = np.isclose(pixels[y1:y2, x1:x2], donor, atol=1e-4)
            assert same.mean() > 0.85  # but for the air beside the breast
            (box,) = [
                a['bbox']
                for a in data['annotations']
                if a['image_id'] == image['id']
                and a['lesion_id'] == f'{image["exam_id"]}_pasted'
            ]
            assert box == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=1.01)
        # the rest is the benign file, but for what the crop to the breast left out
        kept = ~changed & (pixels > 0)
        np.testing.assert_allclose(pixels[kept], before[kept], atol=1e-4)
    assert pasted >= 4
    said = capsys.readouterr().out
    pairs = len(data['images']) - pasted  # views of a breast with one pasted
    assert f'one distance from the nipple: 0, view by view: {4 - pairs}\n' in said
    assert 'least 1.00, quartiles 1.00, 1.00, 1.00\n' in said
    assert_private(out)


def test_the_same_seed_gives_the_same_files(make, tmp_path, capsys):
    one, two = (make(tmp_path / name, '--count', '2') for name in 'ab')
    files = sorted(p.relative_to(one) for p in one.rglob('*.tif'))
    assert len(files) >= 4
    for name in [*files, 'annotations/train.json']:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    # what is said of them is what they say
    facts = [
        image['synthetic']
        for image in load_coco_exam(one / 'annotations/train.json')['images']
    ]
    pasted = [fact for fact in facts if fact['malignant'] is not None]
    least, *quartiles = np.percentile(
        [fact['saliency_kept'] for fact in pasted], [0, 25, 50, 75]
    )
    said = capsys.readouterr().out
    assert (
        said.count(
            f'least {least:.2f}, quartiles '
            + ', '.join(f'{share:.2f}' for share in quartiles)
        )
        == 2
        and least >= 0.5
    )
    assert said.count('both views by lesion_id: 2, by category and distance') == 2
    assert {fact['paired'] for fact in pasted} == {'lesion_id'}


def test_enters_training_and_never_a_test(make, root, tmp_path):
    out = make(tmp_path / 'made', '--count', '3')
    cfg = Config.fromfile(CONFIG)
    settings = dict(cfg.train_dataloader.dataset, pipeline=[])
    with DATASETS.switch_scope_and_registry('mammo'):
        joint = DATASETS.build(
            dict(
                type='ConcatDataset',
                datasets=[
                    dict(settings, data_root=str(folder)) for folder in (root, out)
                ],
            )
        )
        labels = [joint.get_data_info(i)['gt_label'] for i in range(len(joint))]
        assert labels[-3:] == [1, 1, 1] and set(labels[:-3]) == {0, 1}
        with pytest.raises(AnnotationError, match='synthetic'):
            DATASETS.build(dict(settings, data_root=str(out), test_mode=True))


def test_default_count_balances_the_classes(make, root, tmp_path):
    """As many as there are benign breasts more than malignant ones."""
    data = json.loads((root / 'annotations/train.json').read_text())
    breasts = {(i['exam_id'], i['laterality']): i['birads'] for i in data['images']}
    counts = [sum(b == grade for b in breasts.values()) for grade in '24']
    assert counts[0] > counts[1]
    out = make(tmp_path / 'made')
    made = load_coco_exam(out / 'annotations/train.json')
    exams = {image['exam_id'] for image in made['images']}
    assert len(exams) == counts[0] - counts[1]


def test_the_way_is_chosen(make, tmp_path):
    """What is adapted, how wide masks are, and for which class Grad-CAM looks."""
    out = make(
        tmp_path / 'made', '--count', '3', '--adapt', 'benign', '--sigma', '0.4', '0.5'
    )
    facts = [
        image['synthetic']
        for image in load_coco_exam(out / 'annotations/train.json')['images']
    ]
    for fact in (fact for fact in facts if fact['malignant'] is not None):
        x1, y1, x2, y2 = fact['region']
        share = fact['soft_mask']['sigma'] / min(x2 - x1, y2 - y1)
        assert fact['adapt'] == 'benign' and 0.4 <= share <= 0.5
    # to the untrained weights of the fixture all speaks for benign
    maps = [
        SaliencyMaps.read(
            make(tmp_path / name, '--saliency-class', name, command='saliency')
            / 'saliency.npz'
        ).maps
        for name in ('benign', 'malignant')
    ]
    assert set(maps[0]) == set(maps[1])
    assert all(heat.max() > 0 for heat in maps[0].values())
    assert all(heat.max() == 0 for heat in maps[1].values())


@pytest.mark.parametrize(
    'words, said',
    [
        (['--sigma', '0.3', '0.2'], '--sigma 0.3 0.2: expected two rising shares'),
        (
            ['--adapt', 'benign', '--without', 'soft-mask'],
            'nothing of the adapted patch',
        ),
        (['--saliency-only'], 'mammo saliency CONFIG CHECKPOINT --out DIR'),
    ],
)
def test_ways_that_cannot_be(make, tmp_path, capsys, words, said):
    with pytest.raises(SystemExit) as stop:
        make(tmp_path / 'made', *words)
    assert stop.value.code == 2 and said in ' '.join(capsys.readouterr().err.split())
    assert not (tmp_path / 'made').exists()


def test_preview_and_saliency_alone(make, tmp_path):
    """Images are made with the saliency of the command of its own."""
    out = make(tmp_path / 'seen', '--preview', '1')
    with Image.open(out / 'preview.png') as picture:
        assert min(picture.size) > 300
    assert not (out / 'annotations').exists()
    alone = make(tmp_path / 'where', command='saliency')
    assert [p.name for p in alone.iterdir()] == ['saliency.npz']
    one, two = (SaliencyMaps.read(each / 'saliency.npz').maps for each in (out, alone))
    assert one.keys() == two.keys()
    for name, heat in one.items():
        np.testing.assert_array_equal(heat, two[name])


def test_mistakes(capsys, checkpoint, root, tmp_path):
    detector = ROOT / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
    for arguments, message in (
        ([CONFIG, tmp_path / 'none.pth'], 'none.pth'),
        ([detector, checkpoint], 'expected a DIVFNet'),
    ):
        for command in ('synthesize', 'saliency'):
            with pytest.raises(SystemExit) as stop:
                run(command, *arguments, '--out', tmp_path / 'out')
            assert stop.value.code == 2
            assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_real_annotations_are_not_written_over(make, root, capsys):
    before = (root / 'annotations/train.json').read_bytes()
    with pytest.raises(SystemExit) as stop:
        make(root, '--count', '2')
    assert stop.value.code == 2 and 'another --out' in capsys.readouterr().err
    assert (root / 'annotations/train.json').read_bytes() == before


def test_a_set_of_another_seed_is_not_mixed_with(make, tmp_path, capsys):
    out = make(tmp_path / 'out', '--count', '2')
    before = {path: path.read_bytes() for path in out.rglob('*.tif')}
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        make(out, '--count', '2', '--seed', '1')
    said = capsys.readouterr().err
    assert stop.value.code == 2 and 'of seed 0; images of another' in said
    assert before == {path: path.read_bytes() for path in out.rglob('*.tif')}
    make(out, '--count', '2')
    assert f'{out}: holds {len(before)} images' in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in out.rglob('*.tif')}


def test_pixels_follow_from_the_provenance(make, root, tmp_path):
    """Every parameter is in the JSON, for mirrored breasts too."""
    out = make(tmp_path / 'made', '--count', '8')
    data = load_coco_exam(out / 'annotations/train.json')
    mirrored = 0
    for image in data['images']:
        facts = image['synthetic']
        if facts['malignant'] is None:
            continue
        patches, insides = [], []
        for key, box in (('benign', 'region'), ('malignant', 'lesion')):
            pixels, frame = LoadMammogram().load(str(root / facts[key]))
            x1, y1, x2, y2 = (
                transform_boxes(facts[box], frame.matrix)[0].round().astype(int)
            )
            patches.append(pixels[y1:y2, x1:x2])
            insides.append(breast_mask(pixels)[y1:y2, x1:x2])
            flag = 'flipped' if key == 'benign' else 'malignant_flipped'
            assert facts[flag] == frame.flipped
        ours, theirs = (
            np.where(inside, patch, patch[inside].mean())
            for patch, inside in zip(patches, insides)
        )
        theirs = fourier_adapt(theirs, ours, facts['fourier_beta'])
        mask = gaussian_mask(
            ours.shape,
            (facts['soft_mask']['mu_x'], facts['soft_mask']['mu_y']),
            facts['soft_mask']['sigma'],
        )
        expected = np.where(
            insides[0] & insides[1],
            np.clip((1 - mask) * ours + mask * theirs, 0, 1),
            patches[0],
        )
        if facts['flipped']:
            expected = expected[:, ::-1]
        mirrored += facts['flipped']
        x1, y1, x2, y2 = map(round, facts['region'])
        found = read_mammogram(out / image['file_name']).pixels[y1:y2, x1:x2]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert mirrored


def test_naturalness(make, root, tmp_path, capsys, pixel_cache):
    maps = make(tmp_path / 'where', command='saliency') / 'saliency.npz'
    out = tmp_path / 'naturalness.json'
    run(
        'naturalness',
        CONFIG,
        '--saliency',
        maps,
        '--seeds',
        0,
        '--epochs',
        2,
        '--out',
        out,
        *options(root, pixel_cache),
    )
    found = json.loads(out.read_text())
    assert list(found) == ['CutMix', '+ Fourier', '+ soft mask', 'all']
    for one in found.values():
        counts = one['summaries'][0]['counts']
        assert counts['positives'] == counts['negatives'] >= 2
        assert one['real'] == found['CutMix']['real']
    assert '| CutMix |' in capsys.readouterr().out


@pytest.fixture
def blending(phantom_root, tmp_path, pixel_cache):
    """Options of a BlendingGAN on the tiny exams, and an untrained checkpoint."""
    config = 'configs/blending/blending-gan_phantom.py'
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'gan.pth')
    bank = tmp_path / 'bank.npz'
    return (
        config,
        tmp_path / 'gan.pth',
        [
            '--cfg-options',
            f'train_dataloader.dataset.data_root={phantom_root}',
            'train_dataloader.dataset.pipeline.load.transforms.image.cache_dir='
            + pixel_cache,
            f'train_dataloader.dataset.pipeline.paste.bank={bank}',
        ],
        bank,
    )


def test_blended_lesions(blending, run_tool, phantom_root, tmp_path, monkeypatch):
    """The bank is built, a set and a preview are written, lesions are looked at."""
    config, checkpoint, options, bank = blending
    assert (
        run_tool(
            'tools/build_lesion_bank.py',
            phantom_root / 'annotations/train.json',
            '--out',
            bank,
            '--context',
            '2',
        ).returncode
        == 0
    )
    methods = {}
    for name, words in (
        ('gan', [checkpoint]),
        ('poisson', ['--poisson']),
        ('exact', ['--mixed-gradients']),
    ):
        done = run_tool(
            'tools/blend.py',
            config,
            *words,
            '--count',
            '3',
            '--out',
            tmp_path / name,
            '--device',
            'cpu',
            *options,
        )
        assert done.returncode == 0, done.err
        assert '3 images' in done.out
        data = load_coco_exam(tmp_path / name / 'annotations/train.json')
        assert validate_coco_exam(data) == [] and len(data['images']) == 3
        facts = data['images'][0]['synthetic']
        assert facts.get('checkpoint_sha256') == (
            hashlib.sha256(checkpoint.read_bytes()).hexdigest()
            if name == 'gan'
            else None
        )
        methods[name] = facts['method']
    assert methods == dict(
        gan='blending-gan_phantom',
        poisson='Poisson image editing (OpenCV)',
        exact='Mixed gradients, exact',
    )
    # another training of the same config, with options of its own
    other = tmp_path / 'no-prior'
    other.mkdir()
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(
        {'model.seamless': False, 'train_dataloader.dataset.pipeline.paste.noise': True}
    )
    cfg.dump(other / 'blending-gan_phantom.py')
    shutil.copy(checkpoint, other / 'epoch_25.pth')
    compared = [other / 'blending-gan_phantom.py', other / 'epoch_25.pth']
    titles = []

    def plot(rows, path):
        titles.append([title for title, *_ in rows[0]])
        plot_panels(rows, path)

    monkeypatch.setattr('mammo_plugins.visualization.synthesis.plot_panels', plot)
    done = run_tool(
        'tools/blend.py',
        config,
        checkpoint,
        '--preview',
        '2',
        '--out',
        tmp_path / 'shown',
        '--device',
        'cpu',
        '--compare',
        *compared,
        '--compare',
        *compared,
        *options,
    )
    assert done.returncode == 0, done.err
    assert titles == [
        [
            'normal',
            'pasted',
            'blending-gan_phantom',
            'Poisson image editing (OpenCV)',
            'Mixed gradients, exact',
            'no-prior',
            'no-prior, epoch_25',
        ]
    ]
    assert Image.open(tmp_path / 'shown/preview.png').width > 800
    out = tmp_path / 'blends.json'
    done = run_tool(
        'tools/analysis_tools/naturalness.py',
        config,
        '--generator',
        config,
        checkpoint,
        '--seeds',
        '0',
        '--epochs',
        '2',
        '--device',
        'cpu',
        '--out',
        out,
        *options,
    )
    assert done.returncode == 0, done.err
    found = json.loads(out.read_text())
    assert list(found) == ['pasted', 'Poisson', config]
    counts = found['pasted']['summaries'][0]['counts']
    assert counts['negatives'] >= counts['positives'] >= 1
    twice = run_tool(
        'tools/analysis_tools/naturalness.py',
        config,
        *(['--generator', config, checkpoint] * 2),
    )
    assert twice.returncode == 2 and f'--generator {config}: given twice' in twice.err


def test_a_vanilla_gan_is_looked_at_alone(blending, run_tool, phantom_root, tmp_path):
    """No lesion of its images has a known place."""
    _, _, options, bank = blending
    run_tool(
        'tools/build_lesion_bank.py',
        phantom_root / 'annotations/train.json',
        '--out',
        bank,
        '--context',
        '2',
    )
    config = 'configs/blending/vanilla-gan_phantom.py'
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'vanilla.pth')
    words = [
        config,
        tmp_path / 'vanilla.pth',
        '--out',
        tmp_path / 'made',
        '--device',
        'cpu',
        *options,
    ]
    refused = run_tool('tools/blend.py', *words)
    assert refused.returncode == 2
    assert 'no lesion has a known place' in refused.err.splitlines()[-1]
    pictures = []
    for seed in (3, 3, 4):
        shown = run_tool(
            'tools/blend.py', *words[:2], '--preview', '1', '--seed', seed, *words[2:]
        )
        assert shown.returncode == 0, shown.err
        pictures.append((tmp_path / 'made/preview.png').read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize(
    'words, said',
    [
        (['--beta', '0.1'], 'unrecognized arguments: --beta'),
        (['--adapt', 'benign'], 'unrecognized arguments: --adapt'),
        (['--saliency-only'], 'unrecognized arguments: --saliency-only'),
        ([], 'give the checkpoint of its training too'),
        (['no.pth'], 'no.pth: no such checkpoint'),
        (['README.md', '--poisson'], '--poisson: takes no checkpoint'),
        (['--poisson', '--mixed-gradients'], '--mixed-gradients: give one of them'),
    ],
)
def test_mistakes_of_blending(blending, run_tool, tmp_path, words, said):
    config, _, options, _ = blending
    done = run_tool(
        'tools/blend.py', config, *words, '--out', tmp_path / 'made', *options
    )
    assert done.returncode == 2 and said in done.err.splitlines()[-1]
    assert not (tmp_path / 'made').exists()
