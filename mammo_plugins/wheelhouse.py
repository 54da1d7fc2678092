"""Collect all wheels that a machine without a network needs in one folder.

This requires only Python's standard library, pip and a network, neither
PyTorch nor the package itself.
"""

import argparse
import json
import os
import platform as machine
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

SOURCE_ONLY = ('onedl-mmcv', 'onedl-mmdetection', 'onedl-mmpretrain')
"""Distributions that have no wheels anywhere; built here, they fit any machine."""

CAPPED = (*SOURCE_ONLY, 'imaug')
"""Distributions whose own bounds are passed over.

imaug, of which mmdet imports a part, allows no OpenCV above 4.12 and, by that, no
current NumPy; both work.
"""

LEFT_OUT = ('torch', 'torchvision', 'imagecorruptions-imaug')
"""What is there, or what only mmdet's transform ``Corrupt`` uses, with 60 MB below it."""

BACKPORTS = ('tomli', 'typing-extensions')
"""What others need below Python 3.11; pip asks the Python that it runs in."""

INSTALL = (
    'python -m pip install --no-index --no-deps --find-links {folder} '
    '-r {folder}/requirements.txt'
)
EXAMPLE = """{command} --python-version 3.12 --platform manylinux_2_28_x86_64 --out wheelhouse
  {command} --out wheelhouse --without numpy scipy matplotlib opencv-python-headless

on the machine without a network, in an environment that has torch and torchvision:
  """ + INSTALL.format(folder='wheelhouse')


class WheelhouseError(Exception):
    """A wheel folder cannot be created; the message states why."""


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    arguments.add_argument(
        '--out',
        type=Path,
        default=Path('wheelhouse'),
        help='folder for the wheels, new or empty (default: %(default)s)',
    )
    arguments.add_argument(
        '--python-version',
        metavar='X.Y',
        default='{}.{}'.format(*sys.version_info),
        help='of the machine without a network (default: %(default)s)',
    )
    arguments.add_argument(
        '--platform',
        default=f'manylinux_2_28_{machine.machine()}',
        help='of that machine, as in names of wheels; manylinux_2_28: its C library is '
        '2.28 or newer (default: %(default)s)',
    )
    arguments.add_argument(
        '--without',
        nargs='+',
        default=[],
        metavar='NAME',
        help='packages that it has already, besides torch and torchvision',
    )
    arguments.add_argument(
        '--project',
        type=Path,
        metavar='PATH',
        help='the repository, or a wheel of mammo_plugins (default: what is installed)',
    )


def plain(name: str) -> str:
    """Return a distribution's normalized name (PyPA), for comparisons."""
    return re.sub(r'[-_.]+', '-', name).lower()


def requirements(wheel: Path) -> dict[str, str]:
    """Return a wheel's requirements as pip lines by plain name, without extras."""
    lines = [
        line
        for line in _about(wheel).get_all('Requires-Dist') or ()
        if 'extra' not in line.partition(';')[2]
    ]
    return {plain(re.match(r'[\w.-]+', line)[0]): line for line in lines}


def _about(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (
            name for name in archive.namelist() if name.endswith('.dist-info/METADATA')
        )
        return message_from_bytes(archive.read(name))


def platforms(name: str) -> list[str]:
    """Return the wheel tags that run on a platform such as manylinux_2_28_x86_64."""
    newest = re.fullmatch(r'manylinux_2_(\d+)_(\w+)', name)
    if not newest:
        return [name]
    minor, cpu = int(newest[1]), newest[2]
    return [
        *(f'manylinux_2_{each}_{cpu}' for each in range(minor, 16, -1)),
        f'manylinux2014_{cpu}',
    ]


def _pip(*words: str) -> None:
    """Run pip; if it fails, report its last lines."""
    # without operators: those compiled here fit only this machine's PyTorch
    done = subprocess.run(
        [sys.executable, '-m', 'pip', *map(str, words)],
        text=True,
        capture_output=True,
        env=dict(os.environ, MMCV_WITH_OPS='0'),
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-4:]
        raise WheelhouseError('\n  '.join([f'pip {words[0]} failed:', *said]))


def _project() -> Path:
    """Return the source that this package was installed from."""
    repository = Path(__file__).resolve().parents[1]
    if (repository / 'pyproject.toml').is_file():
        return repository
    try:
        origin = metadata.distribution('mammo_plugins').read_text('direct_url.json')
    except metadata.PackageNotFoundError:
        origin = None
    url = urlparse(json.loads(origin)['url'] if origin else '')
    path = Path(unquote(url.path))
    if url.scheme != 'file' or not path.exists():
        raise WheelhouseError(
            'the wheel that mammo_plugins was installed from is not '
            'there any more; give it, or the repository, by --project'
        )
    return path


def _supported(version: str, bounds: str) -> bool:
    found = tuple(map(int, version.split('.')))
    return all(
        (found >= tuple(map(int, limit.split('.')))) == (sign == '>=')
        for sign, limit in re.findall(r'(>=|<)([\d.]+)', bounds)
    )


def make_wheelhouse(
    out: Path,
    python_version: str,
    platform: str,
    without: Iterable[str] = (),
    project: Path | None = None,
) -> list[Path]:
    """Collect all wheels except those of torch and torchvision in a folder.

    Versions are the newest that are compatible, with a single OpenCV, the one that does
    not need libGL. ``requirements.txt`` in the same folder lists them.

    Args:
        out (Path): Folder, new or empty.
        python_version (str): Python version of the target machine, such as '3.12'.
        platform (str): Platform of that machine, such as 'manylinux_2_28_x86_64'.
        without (Iterable[str]): Packages that it already has. Defaults to none.
        project (Path, optional): The repository, or a wheel of this package. Defaults
            to ``None``, the installed package.

    Returns:
        list[Path]: The wheels.

    Raises:
        WheelhouseError: If an argument is wrong, or pip fails.
    """
    if not re.fullmatch(r'3\.\d+', python_version):
        raise WheelhouseError(
            f'--python-version {python_version}: expected one such as 3.12'
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WheelhouseError(f'{out}: is there already; name another folder by --out')
    project = _project() if project is None else project
    if not project.exists():
        raise WheelhouseError(f'--project {project}: no such folder or wheel')
    out.mkdir(parents=True, exist_ok=True)
    if project.suffix == '.whl':
        shutil.copy(project, out)
    else:
        _pip('wheel', '--no-deps', '--wheel-dir', out, project.resolve())
    (ours,) = out.glob('*.whl')
    bounds = _about(ours)['Requires-Python']
    if not _supported(python_version, bounds):
        ours.unlink()
        raise WheelhouseError(
            f'--python-version {python_version}: mammo_plugins needs Python {bounds}'
        )
    wanted = requirements(ours)
    _pip(
        'wheel',
        '--no-deps',
        '--wheel-dir',
        out,
        *(wanted.pop(name, name) for name in SOURCE_ONLY),
    )
    _pip(
        'download',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--dest',
        out,
        *(name for name in CAPPED if name not in SOURCE_ONLY),
    )
    for wheel in out.glob('*.whl'):
        if not wheel.stem.endswith('none-any'):
            raise WheelhouseError(f'{wheel.name}: fits only this machine')
        for name, line in requirements(wheel).items():
            wanted.setdefault(name, line)
    opencv = wanted.pop('opencv-python')
    lines = [
        line
        for name, line in wanted.items()
        if name not in (*CAPPED, *LEFT_OUT) and not name.startswith('opencv-')
    ]
    lines.append(opencv.replace('opencv-python', 'opencv-python-headless'))
    if not _supported(python_version, '>=3.11'):
        lines += BACKPORTS
    _pip(
        'download',
        '--only-binary',
        ':all:',
        '--dest',
        out,
        '--implementation',
        'cp',
        '--python-version',
        python_version,
        *(word for each in platforms(platform) for word in ('--platform', each)),
        *lines,
    )
    there = {*map(plain, without)}
    for wheel in out.glob('*.whl'):
        if plain(_about(wheel)['Name']) in there:
            wheel.unlink()
    wheels = sorted(out.glob('*.whl'))
    (out / 'requirements.txt').write_text(
        ''.join(
            f'{about["Name"]}=={about["Version"]}\n' for about in map(_about, wheels)
        )
    )
    return wheels


def run(args: argparse.Namespace) -> None:
    """Create the folder that the arguments of :func:`add_arguments` describe.

    Raises:
        WheelhouseError: As :func:`make_wheelhouse`.
    """
    print('Building and downloading wheels; this takes minutes.', file=sys.stderr)
    wheels = make_wheelhouse(
        args.out, args.python_version, args.platform, args.without, args.project
    )
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    print(
        f'{args.out}: {len(wheels)} wheels, {size:.0f} MB, for Python '
        f'{args.python_version} and {args.platform}\n'
        'install them there, beside torch and torchvision, by\n  '
        + INSTALL.format(folder=args.out.name)
    )
