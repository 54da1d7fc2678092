"""The wheel is the whole product: built, installed elsewhere, and trained with."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import cv2
import pytest
import yaml
from mmengine.hub import get_config

import mammo_plugins
from mammo_plugins.apis.config_loading import load_config

ROOT = Path(__file__).parents[1]
# what a container gets of the repository is enough for the wheel
PARTS = [
    line[1:]
    for line in (ROOT / '.dockerignore').read_text().splitlines()
    if line.startswith('!')
]
CHILD = """\
_base_ = 'mammo_plugins::baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
train_dataloader = dict(dataset=dict(data_root={root!r}, indices=8), num_workers=0)
val_dataloader = dict(dataset=dict(data_root={root!r}, indices=1), num_workers=0)
train_cfg = dict(max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
"""
# what a user does, in one process: importing takes seconds
USE = """\
import runpy, sys
from importlib.metadata import entry_points
import mammo_plugins
from mmengine.hub import get_config
from mmengine.utils import get_installed_path
package, = mammo_plugins.__path__
assert get_installed_path('mammo_plugins') == package
for name in ('momminet/ipsidualnet-v2_phantom.py', 'mamminet_v2.py'):
    found = get_config(f'mammo_plugins::{name}').filename
    assert found == f'{package}/.mim/configs/{name}', found
command, = entry_points(group='console_scripts', name='mammo')
assert command.value == 'mammo_cli.main:main' and command.dist.version == (
    mammo_plugins.__version__)
from mammo_plugins.doctor.packages import BOUNDS
assert set(BOUNDS) > {'python', 'torch', 'onedl-mmcv'}
print('package:', package)
sys.argv = [f'{package}/.mim/tools/train.py', 'child.py']
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run(*words, cwd):
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ('PYTHONPATH', 'PYTHONHOME')
    }
    done = subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_of(source, out):
    run(
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '--no-deps',
        '--no-index',
        '--no-build-isolation',
        '--wheel-dir',
        out,
        source,
        cwd=out.parent,
    )
    (wheel,) = out.glob('*.whl')
    return wheel


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of what is shipped, as a fresh clone has it."""
    folder = tmp_path_factory.mktemp('source')
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part,
                folder / part,
                symlinks=True,
                ignore=shutil.ignore_patterns('__pycache__'),
            )
        else:
            shutil.copy(ROOT / part, folder)
    return folder


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    return wheel_of(source, tmp_path_factory.mktemp('wheel'))


def test_the_wheel_has_all_that_a_checkout_has(source, wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {'mammo_plugins/py.typed', 'mammo_plugins/.mim/model-index.yml'}
    for folder in ('configs', 'tools'):
        expected |= {
            f'mammo_plugins/.mim/{path.relative_to(source).as_posix()}'
            for path in (source / folder).rglob('*')
            if path.is_file()
        }
    for folder in ('mammo_plugins', 'mammo_cli'):
        expected |= {
            path.relative_to(source).as_posix()
            for path in (source / folder).rglob('*.py')
        }
    beside = {name for name in names if '.dist-info/' not in name}
    assert beside == expected


def test_so_has_one_made_of_the_source_distribution(source, wheel, tmp_path):
    shutil.copy(ROOT / 'MANIFEST.in', source)
    code = f'import setuptools.build_meta as m; m.build_sdist({str(tmp_path)!r})'
    run(sys.executable, '-c', code, cwd=source)
    (archive,) = tmp_path.glob('*.tar.gz')
    with tarfile.open(archive) as sdist:
        sdist.extractall(tmp_path, filter='data')
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    code = f'import setuptools.build_meta as m; m.build_wheel({str(tmp_path)!r})'
    run(sys.executable, '-c', code, cwd=unpacked)
    again = zipfile.ZipFile(*tmp_path.glob('*.whl'))
    first = zipfile.ZipFile(wheel)
    assert {*again.namelist()} == {*first.namelist()}
    for name in ('WHEEL', 'top_level.txt', 'entry_points.txt', 'METADATA'):
        (path,) = (
            path for path in first.namelist() if path.endswith(f'.dist-info/{name}')
        )
        assert again.read(path) == first.read(path)


def test_a_copy_without_links_is_refused(source, tmp_path):
    """Git on Windows writes a link as a file that holds its target."""
    for part in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(source / part, tmp_path)
    mim = tmp_path / 'mammo_plugins/.mim'
    mim.mkdir(parents=True)
    (mim / 'configs').write_text('../../configs')
    done = subprocess.run(
        [sys.executable, 'setup.py', '--version'],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 1 and 'core.symlinks=true' in done.stderr


def test_a_user_trains_from_the_wheel_in_a_folder_of_their_own(
    wheel, phantom_root, tmp_path
):
    """Beside the suite's packages, of which the installed checkout is not used."""
    environment, own = tmp_path / 'environment', tmp_path / 'own'
    own.mkdir()
    (own / 'child.py').write_text(CHILD.format(root=f'{phantom_root}/'))
    (own / 'use.py').write_text(USE)
    run(sys.executable, '-m', 'venv', '--without-pip', environment, cwd=own)
    python = environment / 'bin/python'
    run(
        sys.executable,
        '-m',
        'pip',
        '--python',
        python,
        'install',
        '--no-deps',
        '--no-index',
        '--no-compile',
        wheel,
        cwd=own,
    )
    (site,) = environment.glob('lib/python*/site-packages')
    suite = Path(sysconfig.get_path('purelib'))
    (site / 'a_suite.pth').write_text(str(suite))
    for hook in suite.glob('distutils-precedence.pth'):  # setuptools' for Python 3.12
        shutil.copy(hook, site)
    said = run(python, 'use.py', cwd=own)
    assert f'package: {site}/mammo_plugins\n' in said
    work = own / 'work_dirs/child'
    assert 'checkpoints, logs and results: work_dirs/child' in said
    assert (work / 'epoch_1.pth').is_file()
    (log,) = work.glob('*/vis_data/scalars.json')
    assert log.read_text().count('"loss":') == 2


def test_the_index_names_every_config_that_a_metafile_has():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert index == sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'configs').rglob('metafile.yml')
    )
    for metafile in index:
        for model in yaml.safe_load((ROOT / metafile).read_text())['Models']:
            assert (ROOT / model['Config']).is_file()
            assert Path(model['Config']).stem == model['Name']


@pytest.mark.parametrize(
    'name',
    [
        'mamminet_v2_phantom.py',
        'divf/divf-average_r18_cmmd.py',
        'nafv/nafv-net_phantom',
    ],
)
def test_names_give_what_the_files_do(tmp_path, name):
    """For MMEngine, and as the base of a config that lies elsewhere."""
    file = ROOT / 'configs' / (name if name.endswith('.py') else f'{name}.py')
    expected = load_config(str(file)).to_dict()
    assert get_config(f'mammo_plugins::{name}').to_dict() == expected
    child = tmp_path / 'child.py'
    child.write_text(f"_base_ = 'mammo_plugins::{name}'\n")
    assert load_config(str(child)).to_dict() == expected


def test_packages_of_others_have_their_scope_still(tmp_path):
    child = tmp_path / 'child.py'
    child.write_text(
        "_base_ = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'\n"
        'model = _base_.model\n'
    )
    assert load_config(str(child)).model['_scope_'] == 'mmdet'


@pytest.mark.skipif(not shutil.which('objdump'), reason='binutils are not installed')
def test_the_container_has_what_opencv_loads():
    """Of the libraries of the system, those that the image's base does not have."""
    recipe = (ROOT / 'Dockerfile').read_text()
    brought_by = {
        'libGL': 'libgl1',
        'libglib-2.0': 'libglib2.0-0',
        'libgthread-2.0': 'libglib2.0-0',
    }
    base = {
        'libbz2',
        'libc',
        'libdl',
        'libgcc_s',
        'libm',
        'libpthread',
        'librt',
        'libstdc++',
        'libutil',
        'libz',
        'ld-linux-x86-64',
        'ld-linux-aarch64',
    }
    folder = Path(cv2.__file__).parent
    bundled = {
        file.name: file for file in folder.parent.glob('opencv_python*.libs/*.so*')
    }
    waiting, needed = [*folder.glob('cv2*.so')], set()
    while waiting:
        said = subprocess.run(
            ['objdump', '-p', waiting.pop()], text=True, capture_output=True
        )
        found = {*re.findall(r'NEEDED +(\S+)', said.stdout)} - needed
        waiting += [bundled[name] for name in found if name in bundled]
        needed |= found
    assert needed
    needed -= {*bundled}
    for library in needed:
        name = library.partition('.so')[0]
        assert name in base or brought_by[name] in recipe
    (command,) = re.findall(r'ENTRYPOINT \["(.*)"\]', recipe)
    assert f'[project.scripts]\n{command} = ' in (ROOT / 'pyproject.toml').read_text()


def test_the_package_is_typed():
    assert (Path(mammo_plugins.__file__).with_name('py.typed')).is_file()
