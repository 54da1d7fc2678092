"""A folder of wheels, made by pip from made distributions, without a network."""

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mammo_cli.main import main
from mammo_plugins import wheelhouse
from mammo_plugins.wheelhouse import (
    SOURCE_ONLY,
    WheelhouseError,
    make_wheelhouse,
    plain,
    platforms,
    requirements,
)

ROOT = Path(__file__).parents[1]


def make_wheel(folder, name, version='1.0', tag='py3-none-any', needs=(), python=None):
    about = f'{name.replace("-", "_")}-{version}'
    files = {
        'METADATA': '\n'.join(
            [
                'Metadata-Version: 2.1',
                f'Name: {name}',
                f'Version: {version}',
                *([f'Requires-Python: {python}'] if python else ()),
                *(f'Requires-Dist: {line}' for line in needs),
                '',
                '',
            ]
        ),
        'WHEEL': f'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n',
    }
    record = ''
    path = folder / f'{about}-{tag}.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record += (
                f'{about}.dist-info/{file},sha256={digest.decode().rstrip("=")},'
                f'{len(text)}\n'
            )
            archive.writestr(f'{about}.dist-info/{file}', text)
        archive.writestr(
            f'{about}.dist-info/RECORD', record + f'{about}.dist-info/RECORD,,\n'
        )
    return path


def make_source(folder, name, needs):
    about = f'{name.replace("-", "_")}-2.0'
    setup = (
        f'from setuptools import setup\nsetup(name={name!r}, version="2.0", '
        f'install_requires={list(needs)!r})\n'
    )
    with tarfile.open(folder / f'{about}.tar.gz', 'w:gz') as archive:
        for file, text in (
            ('setup.py', setup),
            ('PKG-INFO', (f'Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n')),
        ):
            entry = tarfile.TarInfo(f'{about}/{file}')
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """All that pip finds, and where it gets a wheel of ours from."""
    folder = tmp_path / 'index'
    folder.mkdir()
    for name, value in (
        ('NO_INDEX', '1'),
        ('FIND_LINKS', str(folder)),
        ('NO_BUILD_ISOLATION', '0'),
        ('CONFIG_FILE', '/dev/null'),
    ):
        monkeypatch.setenv(f'PIP_{name}', value)
    make_source(folder, 'onedl-mmcv', ['addict', 'opencv-python'])
    make_source(folder, 'onedl-mmdetection', ['imaug', 'shapely', 'numpy'])
    make_source(folder, 'onedl-mmpretrain', ['einops', 'numpy'])
    make_wheel(
        folder,
        'imaug',
        needs=[
            'numpy<2',
            'imageio',
            'opencv-python<4.13',
            'opencv-python-headless<4.13',
            'imagecorruptions-imaug',
        ],
    )
    make_wheel(folder, 'onedl-mmengine', '0.10', needs=['addict', 'yapf'])
    for name in ('addict', 'imageio', 'einops', 'yapf', 'tomli', 'typing-extensions'):
        make_wheel(folder, name)
    for tag in (
        'cp312-cp312-manylinux_2_27_x86_64',
        'cp310-cp310-manylinux2014_x86_64',
        'cp312-cp312-manylinux_2_35_x86_64',
        'cp312-cp312-win_amd64',
    ):
        make_wheel(folder, 'shapely', tag=tag)
        make_wheel(folder, 'numpy', '1.26', tag=tag)
        make_wheel(folder, 'numpy', '2.4' if '2_35' not in tag else '9', tag=tag)
    for name in ('opencv-python', 'opencv-python-headless'):
        make_wheel(folder, name, '4.12', 'cp37-abi3-manylinux2014_x86_64')
        make_wheel(folder, name, '5.0', 'cp37-abi3-manylinux_2_28_x86_64')
    return make_wheel(
        tmp_path,
        'mammo_plugins',
        '0.1',
        python='<3.15,>=3.10',
        needs=[
            'torch>=2',
            'torchvision',
            'numpy>=1.26',
            'opencv-python>=4.11',
            'onedl-mmengine<0.11',
            'onedl-mmcv<2.4,>=2',
            'onedl-mmdetection',
            'onedl-mmpretrain',
            "pytest; extra == 'tests'",
        ],
    )


def names_of(out):
    return list((out / 'requirements.txt').read_text().splitlines())


@pytest.mark.parametrize(
    'version, without, expected',
    [
        (
            '3.10',
            (),
            [
                'numpy==2.4',
                'opencv-python-headless==5.0',
                'shapely==1.0',
                'tomli==1.0',
                'typing-extensions==1.0',
            ],
        ),
        ('3.12', ('NumPy', 'opencv_python.headless'), ['shapely==1.0']),
    ],
)
def test_what_is_in_it(index, tmp_path, version, without, expected):
    """Newest versions that fit the platform, past the caps; one OpenCV; no torch."""
    out = tmp_path / 'out'
    platform = 'manylinux_2_28_x86_64'
    wheels = make_wheelhouse(out, version, platform, without, index)
    always = [
        'addict==1.0',
        'einops==1.0',
        'imageio==1.0',
        'imaug==1.0',
        'mammo_plugins==0.1',
        'onedl-mmcv==2.0',
        'onedl-mmdetection==2.0',
        'onedl-mmengine==0.10',
        'onedl-mmpretrain==2.0',
        'yapf==1.0',
    ]
    assert sorted(map(plain, names_of(out))) == sorted(map(plain, always + expected))
    assert len(wheels) == len(names_of(out))
    tag = version.replace('.', '')
    assert all(
        f'cp{tag}' in wheel.name
        or 'abi3' in wheel.name
        or wheel.name.endswith('-none-any.whl')
        for wheel in wheels
    )
    assert not [
        wheel for wheel in wheels if '2_35' in wheel.name or 'win' in wheel.name
    ]


def test_it_installs_without_an_index(index, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    here = '{}.{}'.format(*sys.version_info)
    for name in ('numpy', 'shapely'):
        make_wheel(tmp_path / 'index', name, '3.0')
    make_wheelhouse(
        out, here, 'manylinux_2_28_x86_64', ['opencv-python-headless'], index
    )
    monkeypatch.setenv('PIP_FIND_LINKS', '')
    words = wheelhouse.INSTALL.format(folder=out).split()[1:]
    subprocess.run(
        [sys.executable, *words, '--target', str(tmp_path / 'site')],
        check=True,
        capture_output=True,
        timeout=300,
    )
    found = {path.name for path in (tmp_path / 'site').glob('*.dist-info')}
    assert len(found) == len(names_of(out)) >= 12


def test_platforms_are_all_that_run_there():
    assert platforms('manylinux_2_19_aarch64') == [
        'manylinux_2_19_aarch64',
        'manylinux_2_18_aarch64',
        'manylinux_2_17_aarch64',
        'manylinux2014_aarch64',
    ]
    assert platforms('win_amd64') == ['win_amd64']


def test_what_it_needs_is_what_the_project_needs(index):
    assert set(requirements(index)) == {
        'torch',
        'torchvision',
        'numpy',
        'opencv-python',
        'onedl-mmengine',
        *SOURCE_ONLY,
    }


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(python_version='three'),
            r'--python-version three: expected one such as 3\.12',
        ),
        (
            dict(python_version='3.9'),
            r'--python-version 3\.9: mammo_plugins needs Python',
        ),
        (
            dict(project=Path('no/where')),
            r'--project no/where: no such folder or wheel',
        ),
        (dict(platform='plan9'), r'pip download failed:\n'),
    ],
)
def test_mistakes_are_told(index, tmp_path, changes, message):
    arguments = dict(
        out=tmp_path / 'out',
        python_version='3.12',
        platform='manylinux_2_28_x86_64',
        project=index,
    )
    with pytest.raises(WheelhouseError, match=message):
        make_wheelhouse(**{**arguments, **changes})


def test_a_folder_in_use_is_left_alone(tmp_path, capsys):
    (tmp_path / 'a').write_text('')
    with pytest.raises(SystemExit) as end:
        main(['wheelhouse', '--out', str(tmp_path)])
    assert end.value.code == 2
    assert f'\nerror: {tmp_path}: is there already' in capsys.readouterr().err


def test_where_what_is_installed_came_from(tmp_path, monkeypatch):
    """Of the repository it is that; else the wheel or folder that pip noted."""
    assert wheelhouse._project() == ROOT
    monkeypatch.setattr(wheelhouse, '__file__', str(tmp_path / 'site/p/wheelhouse.py'))
    monkeypatch.setattr(sys, 'path', [str(tmp_path / 'site')])
    with pytest.raises(WheelhouseError, match='--project'):
        wheelhouse._project()
    about = tmp_path / 'site/mammo_plugins-1.dist-info'
    about.mkdir(parents=True)
    (about / 'METADATA').write_text('Name: mammo_plugins\nVersion: 1\n')
    came = tmp_path / 'a b.whl'
    (about / 'direct_url.json').write_text(f'{{"url": "{came.as_uri()}"}}')
    with pytest.raises(WheelhouseError, match='is not there any more'):
        wheelhouse._project()
    came.write_text('')
    assert wheelhouse._project() == came


def test_it_runs_where_nothing_is_installed(tmp_path):
    """Python alone: no package of the suite's is on its path."""
    done = subprocess.run(
        [sys.executable, '-S', str(ROOT / 'tools/misc/wheelhouse.py'), '--help'],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert 'wheelhouse.py --python-version 3.12' in done.stdout
