"""tools/cross_validate.py with trainings that are made up."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mammo_plugins.apis import ToolRunner
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.engine.data_configs import annotation_file

TOOL = 'tools/cross_validate.py'
CONFIG = """
data = dict(
    data_root='{root}', fold=1, ann_file='annotations/fold_{{fold}}/train.json')
train_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=dict(
    data, ann_file='annotations/fold_{{fold}}/test.json'))
model = dict(size=1)
preparation = ['''
    python tools/build_lesion_bank.py data/fold_{{fold}}/train.json
    --out data/inbreast/lesion_bank_fold_{{fold}}.npz''',
    'tools/train.py {config} --work-dir gan_fold_{{fold}}']
"""
RECALLS = {1: 0.5, 2: 0.7, 3: float('nan')}


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """Three folds, and tools that only write what the real ones do."""
    root = tmp_path / 'data'
    for fold in RECALLS:
        path = root / f'annotations/fold_{fold}/test.json'
        path.parent.mkdir(parents=True)
        path.write_text('{}')
    config = tmp_path / 'detector.py'
    config.write_text(
        CONFIG.format(root=root, config='configs/blending/blending-gan_inbreast.py')
    )
    calls = []

    def call(self, words, log):
        calls.append(list(words))
        if '--work-dir' not in words or 'gan' in words[words.index('--work-dir') + 1]:
            return
        folder = Path(words[words.index('--work-dir') + 1])
        if words[0] == 'tools/train.py':
            (folder / 'epoch_2.pth').write_text('weights')
            (folder / 'last_checkpoint').write_text(str(folder / 'epoch_2.pth'))
        else:
            run = folder / '20260101_000000'
            run.mkdir(exist_ok=True)
            recall = RECALLS[int(folder.name[-1])]
            (run / '20260101_000000.json').write_text(
                json.dumps(
                    {
                        'froc/recall@0.5': recall,
                        'froc/recall@0.5_low': 0.1,
                        'time': 0.25,
                        'data_time': 0.1,
                    }
                )
            )

    monkeypatch.setattr(ToolRunner, 'call', call)
    return config, calls


def test_each_fold_is_prepared_trained_and_tested(setup, tmp_path, run_tool):
    config, calls = setup
    done = run_tool(TOOL, config, '--work-dir', tmp_path / 'out')
    assert done.returncode == 0, done.err
    assert [words[0].split('/')[-1] for words in calls] == [
        'build_lesion_bank.py',
        'train.py',
        'train.py',
        'test.py',
    ] * 3
    for fold, (bank, gan, train, test) in enumerate(
        (calls[k : k + 4] for k in (0, 4, 8)), 1
    ):
        folder = tmp_path / f'out/fold_{fold}'
        assert bank[1:3] == [f'data/fold_{fold}/train.json', '--out']
        # parts have the key of what makes them behind their names
        assert re.fullmatch(
            rf'data/inbreast/lesion_bank_fold_{fold}_[0-9a-f]{{8}}\.npz', bank[3]
        )
        # the config that preparation names is that fold's too
        assert gan[1:3] == [str(folder / 'blending-gan_inbreast.py'), '--work-dir']
        assert re.fullmatch(rf'gan_fold_{fold}_[0-9a-f]{{8}}', gan[3])
        text = Path(gan[1]).read_text()
        assert f'fold={fold},' in text and f"'{bank[3]}'" in text
        assert train[1] == test[1] == str(folder / 'detector.py')
        assert test[2] == str(folder / 'trained.pth')
        cfg = Config.fromfile(train[1])
        for part in ('train', 'test'):
            assert annotation_file(cfg[f'{part}_dataloader'].dataset) == str(
                tmp_path / f'data/annotations/fold_{fold}/{part}.json'
            )


def test_a_file_of_one_fold_is_for_no_other(setup, tmp_path, run_tool):
    """A bank that preparation does not make would be of patients held out."""
    config, calls = setup
    config.write_text(
        config.read_text() + ("model.update(bank='data/my_bank_fold_1.npz')\n")
    )
    out = ('--work-dir', tmp_path / 'out')
    assert run_tool(TOOL, config, *out, '--folds', '1').returncode == 0
    del calls[:]
    done = run_tool(TOOL, config, *out, '--folds', '2')
    assert done.returncode == 2 and not calls
    assert (
        'detector.py: data/my_bank_fold_1.npz is of one fold'
        in (done.err.splitlines()[-1])
    )


def test_names_with_the_fold_are_of_each(setup, tmp_path, run_tool):
    """What preparation does not make may have been made for each fold before."""
    config, _ = setup
    config.write_text(
        config.read_text()
        + (
            "data.update(data_root='made_{fold}', ann_file='train.json', pipeline=[\n"
            "    dict(type='PasteLesion', bank='my_bank_fold_{fold}.npz')])\n"
        )
    )
    out = tmp_path / 'out'
    assert run_tool(TOOL, config, '--work-dir', out).returncode == 0
    for fold in RECALLS:
        cfg = Config.fromfile(out / f'fold_{fold}/detector.py')
        dataset = cfg.train_dataloader.dataset
        assert annotation_file(dataset) == f'made_{fold}/train.json'
        assert dataset.fold == fold
        assert dataset.pipeline[0].bank == 'my_bank_fold_{fold}.npz'


@pytest.mark.parametrize('name', ['made_fold_{fold}', 'made_fold_1'])
def test_parts_by_either_name(parts, name):
    """With {fold} or the number of the config's own fold, parts have one key."""
    first = parts()
    parts.config.write_text(parts.config.read_text().replace('made_fold_1', name))
    other = parts(work_dir='other')
    assert other['images'] == first['images']
    assert f"data_root='{other['images']}/'" in other['detector']


def test_mean_and_spread(setup, tmp_path, run_tool):
    """The sample standard deviation of the folds that have the figure."""
    config, _ = setup
    done = run_tool(TOOL, config, '--work-dir', tmp_path / 'out')
    table = (tmp_path / 'out/cross_validation.md').read_text()
    assert table in done.out
    (line,) = [line for line in table.splitlines() if 'recall' in line]
    spread = np.std([0.5, 0.7], ddof=1)
    assert line == (
        f'| froc/recall@0.5 | 0.600 ± {spread:.3f} (of 2 folds) | 0.500 | 0.700 | nan |'
    )
    assert '| seconds a batch of the test | 0.250 ± 0.000 |' in table
    assert 'data_time' not in table and '3 of 3 folds' in table


def test_what_is_done_is_not_done_again(setup, tmp_path, run_tool, monkeypatch):
    config, calls = setup
    out = ('--work-dir', tmp_path / 'out')
    assert run_tool(TOOL, config, *out, '--folds', '2').returncode == 0
    assert len(calls) == 4
    assert '1 of 3 folds' in (tmp_path / 'out/cross_validation.md').read_text()
    real = ToolRunner.call

    def failing(self, words, log):
        if words[0] == 'tools/test.py':
            raise ConfigError('tools/test.py ended with status 1')
        real(self, words, log)

    monkeypatch.setattr(ToolRunner, 'call', failing)
    stopped = run_tool(TOOL, config, *out, '--folds', '1')
    assert stopped.returncode == 2 and 'ended with status 1' in stopped.err
    monkeypatch.setattr(ToolRunner, 'call', real)
    del calls[:]
    assert run_tool(TOOL, config, *out, '--jobs', '2').returncode == 0
    first = [words[0] for words in calls if 'fold_1' in ' '.join(words)]
    assert first == ['tools/train.py', 'tools/test.py']  # prepared before
    assert len(calls) == 2 + 4


@pytest.mark.parametrize(
    'change, said',
    [
        (('--folds', '4'), '--folds 4: no such fold; there are 3'),
        (('--jobs', '0'), 'expected at least 1'),
        (
            ('--cfg-options', 'test_dataloader.dataset.ann_file=annotations/test.json'),
            'expected one of a fold',
        ),
        (
            ('--cfg-options', 'train_dataloader.dataset.fold=2'),
            'train_dataloader.dataset.fold is 2, test_dataloader.dataset.fold is 1',
        ),
        (
            ('--cfg-options', 'test_dataloader.dataset.data_root=no/such'),
            'expected at least two folds',
        ),
    ],
)
def test_mistakes_get_one_line(setup, tmp_path, run_tool, change, said):
    config, calls = setup
    done = run_tool(TOOL, config, '--work-dir', tmp_path / 'out', *change)
    assert done.returncode == 2 and said in done.err.splitlines()[-1]
    assert not calls


def test_results_of_another_config_are_not_taken(setup, tmp_path, run_tool):
    config, calls = setup
    out = ('--work-dir', tmp_path / 'out')
    assert run_tool(TOOL, config, *out, '--folds', '1').returncode == 0
    config.write_text(
        config.read_text().replace('--out data', '--context 2 --out data')
    )
    changed = run_tool(TOOL, config, *out, '--folds', '1')
    assert changed.returncode == 2 and 'begun with other settings' in changed.err
    other = run_tool(
        TOOL,
        config,
        '--work-dir',
        tmp_path / 'other',
        '--folds',
        '1',
        '--cfg-options',
        'model.size=3',
    )
    assert other.returncode == 0
    again = run_tool(TOOL, config, '--work-dir', tmp_path / 'other', '--folds', '1')
    assert again.returncode == 2


def test_options_reach_every_fold(setup, tmp_path, run_tool):
    config, calls = setup
    run_tool(
        TOOL, config, '--work-dir', tmp_path / 'out', '--cfg-options', 'model.size=7'
    )
    for fold in RECALLS:
        assert 'size=7' in (tmp_path / f'out/fold_{fold}/detector.py').read_text()


def test_data_sets_by_name_are_of_their_fold(setup, tmp_path, run_tool):
    """Of a config that has them, as it is: original and synthetic images."""
    _, calls = setup
    name = 'mask-rcnn_r50_inbreast_poisson.py'
    done = run_tool(
        TOOL,
        f'configs/blending/{name}',
        '--work-dir',
        tmp_path / 'out',
        '--folds',
        '2',
        '--cfg-options',
        f'test_dataloader.dataset.data_root={tmp_path / "data"}',
    )
    assert done.returncode == 0, done.err
    bank, images, train, _ = calls
    assert bank[1] == 'data/inbreast/annotations/fold_2/train.json'
    assert train[1] == str(tmp_path / 'out/fold_2' / name)
    parts = Config.fromfile(train[1]).train_dataloader.dataset.datasets
    made = images[images.index('--out') + 1]
    assert re.fullmatch(r'data/inbreast_poisson_fold_2_[0-9a-f]{8}', made)
    assert parts.synthetic.data_root == made + '/'
    # by its key it is of this fold alone, and no fold is left without effect
    assert (parts.synthetic.fold, parts.original.fold) == (None, 2)
    assert annotation_file(parts.original) == bank[1]


PARTS = """
preparation = [
    'python tools/build_lesion_bank.py {root}/annotations/fold_{{fold}}/train.json '
    '--out data/inbreast/lesion_bank_fold_{{fold}}.npz',
    'python tools/train.py configs/blending/blending-gan_inbreast.py '
    '--work-dir work_dirs/gan_fold_{{fold}} --resume',
    'python tools/blend.py configs/blending/blending-gan_inbreast.py '
    'work_dirs/gan_fold_{{fold}}/epoch_200.pth --out data/made_fold_{{fold}}']
train_dataloader = dict(dataset=dict(
    type='ConcatDataset', datasets=[data, dict(data, data_root='data/made_fold_1/')]))
"""


@pytest.fixture
def parts(setup, tmp_path, run_tool):
    """Return what parts of the second fold are called with some options."""
    config, calls = setup
    config.write_text(config.read_text() + PARTS.format(root=tmp_path / 'data'))
    train = tmp_path / 'data/annotations/fold_2/train.json'
    train.write_text('{}')

    def names(*options, work_dir='out'):
        del calls[:]
        done = run_tool(
            TOOL, config, '--work-dir', tmp_path / work_dir, '--folds', '2', *options
        )
        assert done.returncode == 0, done.err
        bank, gan, images = calls[:3]
        lesions = bank[bank.index('--out') + 1]
        folder = tmp_path / work_dir / 'fold_2'
        # one name wherever it is spoken of
        detector = (folder / 'detector.py').read_text()
        assert f"'{images[-1]}/'" in detector and "'data/made_fold_2/'" not in detector
        assert lesions in (folder / 'blending-gan_inbreast.py').read_text()
        assert images[2] == f'{gan[3]}/epoch_200.pth'
        return dict(
            bank=lesions,
            gan=gan[3],
            images=images[-1],
            detector=detector,
            text=(folder / 'blending-gan_inbreast.py').read_text(),
        )

    names.train, names.config = train, config
    return names


def test_parts_are_of_what_made_them(parts, monkeypatch):
    """Another run finds them by the same settings, and does not by others."""
    first = parts()
    assert parts(work_dir='again') == first
    other = parts('--cfg-options', 'model.prior_weight=3.', work_dir='other')
    assert other['bank'] == first['bank']
    assert other['gan'] != first['gan'] and other['images'] != first['images']
    parts.config.write_text(
        parts.config.read_text().replace(
            "lesion_bank_fold_{fold}.npz'", "lesion_bank_fold_{fold}.npz --context 2'"
        )
    )
    # of a bank with another option
    changed = parts(work_dir='changed')
    assert not {*first.values()} & {*changed.values()}
    parts.train.write_text('{"images": []}')  # split anew
    split = parts(work_dir='split')
    assert not {*changed.values()} & {*split.values()}
    # another version of the package may make other things of the same settings
    monkeypatch.setattr('mammo_plugins.version.__version__', '99.0')
    newer = parts(work_dir='version')
    for part in ('bank', 'gan', 'images'):
        assert newer[part] != split[part]


def test_options_reach_what_has_the_setting(parts):
    made = parts('--cfg-options', 'model.prior_weight=3.', 'model.size=7')
    assert 'prior_weight=3.0' in made['text'] and 'size=7' not in made['text']
    assert 'size=7' in made['detector'] and 'prior_weight' not in made['detector']


def test_weights_to_start_from_are_the_detectors(parts):
    plain = parts()
    made = parts('--cfg-options', 'load_from=coco.pth', work_dir='coco')
    assert re.search("load_from ?= ?'coco.pth'", made['detector'])
    assert made['text'] == plain['text']


def test_mixed_precision_reaches_preparation(parts, monkeypatch):
    plain = parts()
    assert 'AmpOptimWrapper' not in plain['text']
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    parts.config.write_text(
        parts.config.read_text()
        + (
            "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.))\n"
            'train_cfg = dict(max_epochs=1)\n'
        )
    )
    made = parts('--amp', work_dir='amp')
    assert made['text'].count('AmpOptimWrapper') == 2  # of both networks
    assert made['gan'] != plain['gan'] and made['bank'] == plain['bank']
