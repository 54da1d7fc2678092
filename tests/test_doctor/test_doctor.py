"""The doctor's report: what it sees, what it advises, what it must not tell."""

import ast
import getpass
import importlib
import json
import os
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mammo_plugins.compat import upstream
from mammo_plugins.compat.assumptions import Assumption, Body, Exists
from mammo_plugins.doctor import check as rows
from mammo_plugins.doctor import decoders, machine, packages, summary

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'tools' / 'doctor.py'


@pytest.fixture
def fake_dist(tmp_path, monkeypatch):
    """Make a distribution look installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, version):
        folder = tmp_path / f'{name.replace("-", "_")}-{version}.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
        )

    return make


def by_name(report):
    return {check['name']: check for check in report['checks']}


def run_doctor(*options, hide=(), flags=()):
    """Run the script; packages in ``hide`` are as if they were not installed."""
    code = f"""
import runpy, sys
from importlib import metadata
real = metadata.version
def version(name):
    if name in {[dist for _, dist in hide]!r}:
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
sys.modules.update(dict.fromkeys({[module for module, _ in hide]!r}))
sys.argv = ['doctor.py', *{options!r}]
runpy.run_path({str(SCRIPT)!r}, run_name='__main__')
"""
    return subprocess.run(
        [sys.executable, *flags, '-c', code],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=120,
    )


def test_report_of_this_environment(capsys):
    code = summary.report(True)
    report = json.loads(capsys.readouterr().out)
    checks = by_name(report)
    for name, dist in (
        ('torch', 'torch'),
        ('mmcv', 'onedl-mmcv'),
        ('mmdet', 'onedl-mmdetection'),
        ('pydicom', 'pydicom'),
    ):
        assert checks[name]['found'].startswith(metadata.version(dist))
        assert dist in checks[name]['found']
    for check in report['checks']:
        assert check['status'] in ('ok', 'note', 'optional', 'problem', 'not checked')
        assert bool(check['cure']) == (
            check['status'] in ('note', 'optional', 'problem')
        )
    assert {package.name for package in packages.OPTIONAL} < set(checks)
    problems = [c for c in report['checks'] if c['status'] == 'problem']
    assert report['ok'] == (code == 0) == (not problems)


def test_table_has_a_row_a_check_and_a_cure_a_finding():
    checks = [
        rows.Check('one', 'x'),
        rows.Check('two', 'a | b', 'note', 'do this'),
        rows.Check('three', 'gone', 'problem', 'do that'),
    ]
    text = summary.table(checks)
    lines = text.splitlines()
    names = [line.split('|')[1].strip() for line in lines[2:5]]
    assert names == ['one', 'two', 'three']
    assert len({len(line) for line in lines[:5]}) == 1
    assert {line.count('|') for line in lines[:5]} == {4}
    assert text.index('three: gone\n  Fix: do that') < text.index('  Fix: do this')
    assert '1 requirement' in lines[-1]
    assert summary.table(checks[:2]).endswith('All requirements are met.')


def test_missing_openmmlab_packages_are_named_with_their_cure():
    hide = [('mmcv', 'onedl-mmcv'), ('mmdet', 'onedl-mmdetection')]
    result = run_doctor('--json', hide=hide)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    report = json.loads(result.stdout)
    checks = by_name(report)
    assert report['ok'] is False
    for module, dist in hide:
        assert checks[module]['status'] == 'problem'
        assert checks[module]['found'] == 'not installed'
        assert checks[module]['cure'].startswith(f'pip install "{dist}>=')
    # mmpretrain is installed, but needs mmcv: the cure is mmcv's.
    assert 'does not import' in checks['mmpretrain']['found']
    assert checks['mmpretrain']['cure'] == checks['mmcv']['cure']
    assert checks['mmcv operators']['status'] == 'not checked'
    assert checks['torch']['status'] == 'ok'


def test_a_bare_python_gets_a_cure_for_everything():
    result = run_doctor(flags=['-I', '-S'])  # no site-packages at all
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    for package in (*packages.TORCH, *packages.OPENMMLAB, *packages.LIBRARIES):
        assert f'- {package.name}: not installed\n  Fix: {package.install}' in (
            result.stdout
        )
    assert (
        f'  Fix: {packages.OPENMMLAB[0].install}'
        in result.stdout.split('- mammo_plugins: ')[1].splitlines()[1]
    )


def test_optional_packages_are_listed_with_their_purpose(fake_dist, monkeypatch):
    """They need not be installed: a missing one is neither a note nor a problem."""
    with monkeypatch.context() as missing:
        missing.setattr(packages, 'installed', lambda dists: {})
        found = list(map(packages.optional_check, packages.OPTIONAL))
    assert {row.status for row in found} == {'optional'}
    text = summary.table(found)
    assert 'Notes:' not in text and text.endswith('All requirements are met.')
    assert (
        '- highdicom: not installed; only for mammo export --dicom\n'
        '  Fix: pip install "mammo_plugins[dicom]"'
    ) in text.partition('Optional:')[2]
    fake_dist('our-extra', '1.2')
    package = packages.OptionalPackage('extra', 'our-extra', 'more', 'a purpose')
    assert packages.optional_check(package) == rows.Check('extra', '1.2, for a purpose')


def test_optional_packages_are_those_of_the_extras():
    requirements = pytest.importorskip('packaging.requirements')
    text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    listed = text.partition('[project.optional-dependencies]\n')[2].partition('\n[')[0]
    extras = {
        (extra, requirements.Requirement(line).name)
        for extra, lines in re.findall(r'^(\w+) = \[(.*?)\]$', listed, re.M | re.S)
        for line in re.findall(r'"(.*?)"', lines)
        if extra not in ('docs', 'lint', 'tests')  # for contributors
    }
    assert extras == {(p.extra, p.dist) for p in packages.OPTIONAL}


def test_every_package_the_code_imports_is_checked():
    checked = (*packages.TORCH, *packages.OPENMMLAB, *packages.LIBRARIES)
    known = {
        'mammo_plugins',
        'mammo_cli',
        *sys.stdlib_module_names,
        *(p.name for p in checked),
        'argcomplete',
    }  # which may be missing
    unknown = set()
    for path in (*ROOT.glob('mammo_plugins/**/*.py'), *ROOT.glob('mammo_cli/**/*.py')):
        # exports/dicom is loaded only to write DICOM objects
        optional = {'highdicom'} if path.parent.name == 'dicom' else set()
        tree = ast.parse(path.read_text(encoding='utf-8'))
        # commands import in their functions
        for node in tree.body if 'mammo_plugins' in path.parts else ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            unknown |= {
                f'{name} in {path.relative_to(ROOT)}'
                for name in names
                if name.split('.')[0] not in known | optional
            }
    assert not unknown


@pytest.mark.parametrize(
    'version, supported',
    [
        ('2.3.5', False),
        ('2.3.6', True),
        ('2.3.6.post1+cu130', True),
        ('2.3', False),
        ('2.4.0rc1', False),
        ('2.10.0', False),
        ('unknown', False),
    ],
)
def test_bounds(version, supported):
    assert packages.within(version, '>=2.3.6,<2.4') == supported
    assert packages.within(version, '')


def test_bounds_are_those_of_the_project():
    requirements = pytest.importorskip('packaging.requirements')
    text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    dists = {
        dist
        for p in (*packages.TORCH, *packages.OPENMMLAB, *packages.LIBRARIES)
        for dist in p.dists
    }
    dists |= {dist for _, _, decoders in decoders.SYNTAXES for dist in decoders}
    assert set(packages.BOUNDS) <= {'python', *dists}  # each is looked at
    for dist, bounds in packages.BOUNDS.items():
        written = requirements.Requirement(f'{dist}{bounds}').specifier
        assert f'"{bounds}"' in text or f'"{dist}{bounds}"' in text
        assert {part.operator for part in written} <= {'>=', '<'}
        for part in written:
            assert packages.within(part.version, bounds) == (part.operator == '>=')


def test_bounds_without_the_repository_are_those_that_were_installed(
    monkeypatch, tmp_path
):
    about = tmp_path / 'mammo_plugins-1.0.dist-info'
    about.mkdir()
    (about / 'METADATA').write_text(
        'Metadata-Version: 2.4\nName: mammo_plugins\nVersion: 1.0\n'
        'Requires-Python: <4,>=3.9\nRequires-Dist: torch>=2\n'
        "Requires-Dist: onedl-mmcv<3,>=2.3\nRequires-Dist: pytest>=8; extra == 'tests'\n"
    )
    monkeypatch.setattr(packages, 'ROOT', tmp_path)
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    assert packages.supported() == {
        'python': '<4,>=3.9',
        'torch': '>=2',
        'onedl-mmcv': '<3,>=2.3',
    }
    (about / 'METADATA').unlink()
    about.rmdir()
    importlib.invalidate_caches()
    assert packages.supported() == {'python': ''}


def test_an_old_original_is_replaced_by_its_fork(fake_dist, monkeypatch):
    fake_dist('old-name', '1.0')
    monkeypatch.setitem(packages.BOUNDS, 'new-name', '>=2.0,<3')
    package = packages.Package('json', ('new-name', 'old-name'))
    check = packages.package_check(package)
    assert (check.status, check.cure) == (
        'problem',
        'pip uninstall -y old-name && pip install "new-name>=2.0,<3"',
    )
    fake_dist('new-name', '2.0')
    check = packages.package_check(package)
    assert 'overwrite each other' in check.found and check.status == 'problem'
    assert check.cure.startswith('pip uninstall -y new-name old-name && ')


@pytest.fixture
def opencvs(fake_dist, monkeypatch):
    """Make OpenCV distributions, and what asks for them, look installed; check."""
    (package,) = (p for p in packages.LIBRARIES if p.name == 'cv2')
    real = metadata.version

    def version(dist):
        if dist in packages.OPENCV and dist not in there:
            raise metadata.PackageNotFoundError(dist)
        return there.get(dist) or real(dist)

    there = {}
    monkeypatch.setattr(metadata, 'version', version)

    def check(asked_for, **versions):
        there.update((name.replace('_', '-'), v) for name, v in versions.items())
        monkeypatch.setattr(
            metadata,
            'requires',
            {
                'onedl-mmdetection': ['Some.Augmenter>=1', 'torch; extra == "all"'],
                'some-augmenter': asked_for,
            }.get,
        )
        return packages.package_check(package), package

    return check


@pytest.mark.parametrize(
    'asked_for',
    [
        ['opencv-python-headless<4.13', 'opencv-python<4.13'],
        ['Opencv_Python.Headless (>=4.9) ; python_version >= "3.8"'],
    ],
)
def test_two_opencvs_that_our_own_install_brings_are_no_fault(opencvs, asked_for):
    check, _ = opencvs(
        asked_for, opencv_python='4.12.0.88', opencv_python_headless='4.12.0.88'
    )
    assert (check.status, check.cure) == ('ok', '')
    assert '4.12.0.88 (opencv-python) and 4.12.0.88 (opencv-python-headless)' in (
        check.found
    )


@pytest.mark.parametrize(
    'asked_for, second',
    [
        ([], 'opencv_python_headless'),
        (['opencv-python-headless; extra == "x"'], 'opencv_python_headless'),
        (['opencv-python-headless'], 'opencv_contrib_python'),
    ],
)
def test_another_opencv_beside_ours_is_noted(opencvs, asked_for, second):
    check, package = opencvs(
        asked_for, opencv_python='4.12.0.88', **{second: '4.12.0.88'}
    )
    other = second.replace('_', '-')
    assert check.status == 'note' and 'overwrite each other' in check.found
    assert check.cure == (
        f'pip uninstall -y opencv-python {other} && '
        f'pip install "opencv-python{package.bounds}"'
    )


def test_an_old_opencv_of_two_is_told(opencvs):
    check, package = opencvs(
        ['opencv-python-headless'],
        opencv_python='4.12.0',
        opencv_python_headless='4.5.1',
    )
    assert check.status == 'problem' and 'not supported' in check.found
    assert check.cure == (
        f'pip uninstall -y opencv-python opencv-python-headless && {package.install}'
    )


def test_this_environment_has_no_complaint_of_opencv():
    """It was installed as the README says, and mmdet's dependencies bring a second."""
    (package,) = (p for p in packages.LIBRARIES if p.name == 'cv2')
    brought = set(packages.installed(packages.OPENCV)) <= packages.required()
    assert (packages.package_check(package).status == 'ok') == brought


def test_a_package_that_breaks_on_import(fake_dist, tmp_path):
    fake_dist('brittle', '1.0')
    (tmp_path / 'brittle.py').write_text(
        'print("noise")\nraise AssertionError("needs another\\nversion")\n'
    )
    check = packages.package_check(packages.Package('brittle', ('brittle',)))
    assert check.status == 'problem'
    assert check.found.endswith('AssertionError: needs another')
    assert 'reinstall' in check.cure
    (tmp_path / 'brittle.py').write_text('import cv2.missing_part\n')
    assert (
        'opencv-python'
        in packages.package_check(packages.Package('brittle', ('brittle',))).cure
    )


def test_imports_print_nothing(tmp_path, monkeypatch, capfd):
    (tmp_path / 'talkative.py').write_text(
        'import sys, warnings\nprint("out")\nprint("err", file=sys.stderr)\n'
        'warnings.warn("warned")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert packages.trial_import('talkative') is None
    assert capfd.readouterr() == ('', '')


def test_decoders(monkeypatch):
    pixels = pytest.importorskip('pydicom.pixels')

    class Decoder:
        def __init__(self, uid):
            compressed = uid.is_encapsulated
            lossless = 'Lossless' in uid.name
            self.available_plugins = () if not compressed or lossless else ('pillow',)
            self.is_available = not compressed or bool(self.available_plugins)

    real = {check.name: check for check in decoders.decoder_checks()}
    assert set(real) == {f'DICOM {label}' for label, _, _ in decoders.SYNTAXES}
    assert 'pydicom' in real['DICOM RLE'].found  # pydicom decodes it by itself
    monkeypatch.setattr(pixels, 'get_decoder', Decoder)
    checks = {check.name[6:]: check for check in decoders.decoder_checks()}
    assert checks['uncompressed'].status == checks['deflated'].status == 'ok'
    assert checks['JPEG baseline'].found == 'pillow'
    assert checks['JPEG lossless SV1'].cure == 'pip install python-gdcm'
    assert checks['JPEG 2000 lossless'].cure == (
        'pip install pylibjpeg pylibjpeg-openjpeg'
    )
    # pillow decodes no 12-bit JPEG, whatever pydicom lists for the syntax.
    assert checks['JPEG extended'].status == 'problem'


def test_nothing_tells_who_the_user_is(monkeypatch, tmp_path):
    home = tmp_path / 'jane'
    (home / 'work').mkdir(parents=True)
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.setenv('USERPROFILE', str(home))
    monkeypatch.setattr(getpass, 'getuser', lambda: 'jane')
    monkeypatch.setattr(socket, 'gethostname', lambda: 'xray-7')
    monkeypatch.chdir(home / 'work')
    text = summary.scrub(
        f'{ROOT}/tools {sys.prefix}/lib {os.getcwd()}/a {home}/b /data/jane/c '
        'on xray-7, janet'
    )
    assert text == (
        '<repo>/tools <env>/lib <cwd>/a ~/b /data/<user>/c on <host>, janet'
    )


def test_the_report_is_scrubbed(monkeypatch, capsys):
    found = rows.Check('x', f'no file {Path.home()}/secret/lib.so')
    monkeypatch.setattr(summary, 'all_checks', lambda: [found])
    for as_json in (False, True):
        assert summary.report(as_json) == 0
        out = capsys.readouterr().out
        assert '~/secret' in out and str(Path.home()) not in out


def test_tight_disk_and_shared_memory(monkeypatch):
    usage = type('Usage', (), dict(total=2**26, free=2**26))
    monkeypatch.setattr(machine.shutil, 'disk_usage', lambda path: usage)
    monkeypatch.setattr(machine.Path, 'is_dir', lambda path: True)
    checks = {check.name: check for check in machine.system_checks()}
    assert '--shm-size' in checks['shared memory'].cure
    assert checks['disk, current folder'].status == 'note'
    assert '0.1 GiB' in checks['disk, current folder'].found


def test_gpu(monkeypatch):
    torch = pytest.importorskip('torch')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(machine.shutil, 'which', lambda name: None)
    assert machine.gpu_check().status == 'ok'
    monkeypatch.setattr(machine.shutil, 'which', lambda name: '/bin/nvidia-smi')
    assert machine.gpu_check().status == 'note'


def test_assumptions_on_upstream_are_checked(monkeypatch):
    """What is gone is a problem, a changed method a note."""
    (row,) = packages.upstream_checks()
    assert row.status == 'ok' and row.found.startswith('all ')
    gone = Assumption(
        'a part',
        {'mmengine.runner:Runner._gone': Exists()},
        ('registry.py',),
        'it is used',
    )
    other = Assumption(
        'another',
        {'mmengine.runner:Runner.train': Body('0' * 12)},
        ('registry.py',),
        'ours was written after it',
    )
    for listed, status in (((other,), 'note'), ((other, gone), 'problem')):
        monkeypatch.setattr(upstream, 'ASSUMPTIONS', listed)
        (row,) = packages.upstream_checks()
        assert row.status == status and 'registry.py' in row.found
        assert 'docs/reference/upstream.md' in row.cure
    assert row.found.startswith('2 do not hold: mmengine.runner:Runner._gone is gone')


def test_optional_packages_left_out_are_told(fake_dist, monkeypatch):
    fake_dist('transformers', '5.1.0')
    monkeypatch.setattr(
        upstream,
        'left_out',
        lambda: {
            'transformers': "ImportError: cannot import name 'x'",
            'panopticapi': 'ValueError: numpy.dtype size changed',
        },
    )
    _, transformers, panopticapi = packages.upstream_checks()
    assert transformers.status == panopticapi.status == 'note'
    assert transformers.found.startswith('transformers 5.1.0 is left out of mmengine')
    assert "cannot import name 'x'" in transformers.found
    # the version that mmpretrain's own metadata ask for, and no reinstallation
    assert 'pip install "transformers' in transformers.cure
    assert '<5' in transformers.cure and 'reinstall' not in transformers.cure
    assert 'import panopticapi' in panopticapi.cure
    assert 'numpy.dtype size changed' in panopticapi.found
