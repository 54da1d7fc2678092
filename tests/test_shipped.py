"""Names of the configs that the package ships, in the repository and installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_plugins import shipped
from mammo_plugins.apis.config_loading import ConfigError, load_config

ROOT = Path(__file__).parents[1]


def test_names_lead_to_files():
    names = [each.name for each in shipped.shipped_configs()]
    assert set(names) == {
        path.relative_to(ROOT / 'configs').as_posix()
        for path in ROOT.glob('configs/**/*.py')
    } - {
        name.relative_to(ROOT / 'configs').as_posix()
        for name in ROOT.glob('configs/_base_/**/*.py')
    }
    for name in names:
        for written in (name, name.removesuffix('.py')):
            path = shipped.config_path(f'mammo_plugins::{written}')
            assert path == ROOT / 'configs' / name
            assert shipped.no_such_config(f'mammo_plugins::{written}') is None
    assert shipped.config_path('configs/a.py') == Path('configs/a.py')


def test_every_config_says_what_it_is():
    """In one line, which does not end in the midst of a sentence."""
    for name, summary in shipped.shipped_configs():
        assert 8 < len(summary) < 200 and '\n' not in summary, name
        assert not summary.endswith((',', ':', ' on', ' with')), (name, summary)


@pytest.mark.parametrize(
    'comment, summary',
    [
        ('# One. Two.\n', 'One'),
        ('# A and\n# b, fig. 3.\n# C.\n', 'A and b, fig. 3'),
        ('# Table 2: U-Net.\n', 'Table 2: U-Net'),
        ('# Small:\n#     python x\n# y\n', 'Small'),
        ('# Of 0.5 mm (fig. 9). B\n', 'Of 0.5 mm (fig. 9)'),
        ('x = 1\n# no\n', ''),
    ],
)
def test_the_first_sentence_is_the_summary(tmp_path, comment, summary):
    (tmp_path / 'a.py').write_text(f'{comment}a = 1\n')
    assert shipped._summary(tmp_path / 'a.py') == summary


def test_papers_are_named():
    papers = shipped.papers()
    assert set(papers) == {
        path.parent.name for path in ROOT.glob('configs/*/metafile.yml')
    }
    assert papers['divf'].startswith('DIVF-Net: Towards Robust Natural-Looking')
    assert papers['momminet'].count('MommiNet-v2') == 1


@pytest.mark.parametrize(
    'path, near',
    [
        ('mammo_plugins::momminet_v2', 'mammo_plugins::mamminet_v2.py'),
        (
            'mammo_plugins::disasym/disasymnet_vindir.py',
            'mammo_plugins::disasym/disasymnet_vindr.py',
        ),
        ('configs/divf/no-fusion_r18_vind.py', 'configs/divf/no-fusion_r18_vindr.py'),
    ],
)
def test_near_names_are_told(path, near, monkeypatch):
    monkeypatch.chdir(ROOT)
    said = shipped.no_such_config(path)
    assert said.startswith(f'{path}: no such config; did you mean ') and near in said
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(error.value) == said


def test_nothing_near(monkeypatch, tmp_path):
    for path in ('mammo_plugins::qqqqqq', 'qqqqqq'):
        assert 'mammo config lists' in shipped.no_such_config(path)
    # away from the repository its names are told
    monkeypatch.chdir(tmp_path)
    said = shipped.no_such_config('configs/divf/no-fusion_r18_vindr.py')
    assert 'did you mean mammo_plugins::divf/no-fusion_r18_vindr.py' in said


def test_a_name_is_loaded():
    name = 'nafv/nafv-net_unet_phantom.py'
    assert (
        load_config(f'mammo_plugins::{name}').to_dict()
        == load_config(str(ROOT / 'configs' / name)).to_dict()
    )


def test_of_an_installed_package(tmp_path):
    """Where there is no repository, they lie in .mim; the parts are not listed."""
    package = tmp_path / 'site/mammo_plugins'
    shutil.copytree(
        ROOT / 'mammo_plugins',
        package,
        ignore=shutil.ignore_patterns('__pycache__', '.mim'),
    )
    shutil.copytree(ROOT / 'mammo_cli', tmp_path / 'site/mammo_cli')
    (package / '__init__.py').write_text('raise ImportError("slow")')
    call = [sys.executable, '-m', 'mammo_cli', 'config']
    options = dict(
        cwd=tmp_path / 'site',
        text=True,
        capture_output=True,
        env={'PYTHONPATH': str(tmp_path / 'site')},
    )
    done = subprocess.run(call, **options)
    assert done.returncode == 2 and done.stderr.startswith('error: ')
    assert '.mim/configs: no such folder' in done.stderr
    named = subprocess.run([*call[:3], 'train', 'mammo_plugins::a'], **options)
    assert named.returncode == 2 and named.stderr == done.stderr
    shutil.copytree(ROOT / 'configs', package / '.mim/configs')
    done = subprocess.run(call, **options)
    assert done.returncode == 0, done.stderr
    assert 'mamminet_v2.py' in done.stdout and '_base_' not in done.stdout
