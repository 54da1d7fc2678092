"""Print what this machine has for mammo_plugins, and the cure for what it lacks.

The table is meant for bug reports: home folders, user and host names are replaced.
Only Python's standard library is needed.
"""
import argparse
import ast
import contextlib
import getpass
import importlib
import io
import json
import os
import platform
import re
import shutil
import socket
import sys
import warnings
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = """example:
  python tools/doctor.py
  python tools/doctor.py --json > doctor.json

The exit code is 0 when all that is required is there, 1 when something is not."""


@dataclass(frozen=True)
class Check:
    """One row of the table.

    Attributes:
        name: What was looked at.
        found: What is there.
        status: 'ok', 'note' (works, with a limit), 'problem' (required, not there) or
            'not checked', when something else must be cured first.
        cure: What to do about a note or a problem; else empty.
    """
    name: str
    found: str
    status: str = 'ok'
    cure: str = ''


def release(version: str) -> Tuple[int, ...]:
    """Leading numbers of a version: '2.3.6.post1+cu130' -> (2, 3, 6)."""
    numbers = re.match(r'\d+(?:\.\d+)*', version)
    return tuple(map(int, numbers[0].split('.'))) if numbers else ()


def within(version: str, bounds: str) -> bool:
    """Whether a version satisfies bounds such as '>=2.3.6,<2.4'."""
    return all((release(version) >= release(limit)) == (sign == '>=')
               for sign, limit in re.findall(r'(>=|<)([\d.]+)', bounds))


def supported() -> Dict[str, str]:
    """Bounds of every required distribution, and of 'python', from setup.py."""
    source = (ROOT / 'setup.py').read_text(encoding='utf-8')
    bounds = {'python': re.search(r"python_requires='(.*?)'", source)[1]}
    for node in ast.parse(source).body:
        if (isinstance(node, ast.Assign)
                and getattr(node.targets[0], 'id', '') == 'INSTALL_REQUIRES'):
            for line in ast.literal_eval(node.value):
                dist, limits = re.match(r'([\w.-]+)(.*)', line).groups()
                bounds[dist] = limits
    return bounds


BOUNDS = supported()


@dataclass(frozen=True)
class Package:
    """A required package.

    Attributes:
        name: Import name.
        dists: Distributions that bring it; the first is the one supported.
        imports: The module imported as a trial; None for ``name``.
    """
    name: str
    dists: Tuple[str, ...]
    imports: Optional[str] = None

    @property
    def bounds(self) -> str:
        return BOUNDS.get(self.dists[0], '')

    @property
    def install(self) -> str:
        return f'pip install "{self.dists[0]}{self.bounds}"'


TORCH = (
    Package('torch', ('torch', )),
    Package('torchvision', ('torchvision', ), 'torchvision.ops'),
)
OPENMMLAB = (
    Package('mmengine', ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
            'mmengine.runner'),
    Package('mmcv', ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'), 'mmcv.ops'),
    Package('mmdet', ('onedl-mmdetection', 'mmdet'), 'mmdet.models'),
    Package('mmpretrain', ('onedl-mmpretrain', 'mmpretrain'), 'mmpretrain.models'),
)
OPENCV = ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python',
          'opencv-contrib-python-headless')
LIBRARIES = (
    Package('numpy', ('numpy', )),
    Package('scipy', ('scipy', ), 'scipy.ndimage'),
    Package('skimage', ('scikit-image', )),
    Package('tifffile', ('tifffile', )),
    Package('python_calamine', ('python-calamine', )),
    Package('PIL', ('pillow', ), 'PIL.Image'),
    Package('cv2', OPENCV),
    Package('pycocotools', ('pycocotools', ), 'pycocotools.mask'),
    Package('matplotlib', ('matplotlib', )),
    Package('tqdm', ('tqdm', )),
    Package('pydicom', ('pydicom', ), 'pydicom.pixels'),
)

SYNTAXES = (
    ('uncompressed', 'ExplicitVRLittleEndian', ()),
    ('deflated', 'DeflatedExplicitVRLittleEndian', ()),
    ('RLE', 'RLELossless', ('pylibjpeg', 'pylibjpeg-rle')),
    ('JPEG baseline', 'JPEGBaseline8Bit', ('python-gdcm', )),
    ('JPEG extended', 'JPEGExtended12Bit', ('python-gdcm', )),
    ('JPEG lossless', 'JPEGLossless', ('python-gdcm', )),
    ('JPEG lossless SV1', 'JPEGLosslessSV1', ('python-gdcm', )),
    ('JPEG-LS lossless', 'JPEGLSLossless', ('python-gdcm', )),
    ('JPEG-LS near-lossless', 'JPEGLSNearLossless', ('python-gdcm', )),
    ('JPEG 2000 lossless', 'JPEG2000Lossless', ('pylibjpeg', 'pylibjpeg-openjpeg')),
    ('JPEG 2000', 'JPEG2000', ('pylibjpeg', 'pylibjpeg-openjpeg')),
    ('HTJ2K lossless', 'HTJ2KLossless', ('pylibjpeg', 'pylibjpeg-openjpeg')),
)
"""Label, name in pydicom.uid, and what to install for a decoder."""


def installed(dists: Sequence[str]) -> Dict[str, str]:
    """Versions of those distributions that are installed."""
    found = {}
    for dist in dists:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[dist] = metadata.version(dist)
    return found


def required() -> Set[str]:
    """Distributions that ours asks for, and what those installed ask for in turn.

    Names are as :func:`plain_name` writes them; extras are left out.
    """
    waiting, found = [dist for dist in BOUNDS if dist != 'python'], set()
    while waiting:
        dist = plain_name(waiting.pop())
        if dist in found:
            continue
        found.add(dist)
        with contextlib.suppress(metadata.PackageNotFoundError):
            for line in metadata.requires(dist) or ():
                if 'extra' not in line.partition(';')[2]:
                    waiting.append(re.match(r'[\w.-]+', line)[0])
    return found


def plain_name(dist: str) -> str:
    """A distribution's name as it is compared (PyPA's normalisation)."""
    return re.sub(r'[-_.]+', '-', dist).lower()


def trial_import(module: str) -> Optional[Exception]:
    """Import a module without letting it print; return the error if it fails."""
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try:
                importlib.import_module(module)
            except Exception as error:  # also the packages' own version assertions
                return error
    return None


def describe(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__


def cure_of_import(package: Package, error: Exception) -> str:
    missing = (getattr(error, 'name', None) or '').split('.')[0]
    if isinstance(error, ModuleNotFoundError) and missing not in ('', package.name):
        known = {p.name: p for p in TORCH + OPENMMLAB + LIBRARIES}.get(missing)
        return known.install if known else f'install the package that brings {missing}'
    if getattr(error, 'name', None) == 'mmcv._ext':
        return 'cure mammo_plugins, which serves the operators mmcv lacks'
    if package in TORCH:  # each version of one fits one version of the other
        return 'pip install --force-reinstall torch torchvision'
    return (f'pip install --force-reinstall --no-deps "{package.dists[0]}'
            f'{package.bounds}"')


def package_check(package: Package) -> Check:
    """Is it installed, once, in a supported version, and does it import?"""
    found = installed(package.dists)
    error = trial_import(package.imports or package.name)
    if not found:
        version = getattr(sys.modules.get(package.name), '__version__', None)
        if version is None:
            return Check(package.name, 'not installed', 'problem', package.install)
        found = {'no metadata': version}
    label = ' and '.join(f'{version} ({dist})' for dist, version in found.items())
    if package.bounds:
        label += f', supported {package.bounds}'
    if len(found) > 1 and not (package.dists == OPENCV and found.keys() <= required()):
        # They write to one folder; what is in it depends on the order of installing.
        return Check(package.name, f'{label}: they overwrite each other',
                     'note' if package.dists == OPENCV else 'problem',
                     f'pip uninstall -y {" ".join(found)} && {package.install}')
    if not all(within(version, package.bounds) for version in found.values()):
        # of several in one folder, taking one away breaks those that stay
        others = (list(found) if len(found) > 1 else
                  [dist for dist in found if dist in package.dists[1:]])
        remove = f'pip uninstall -y {" ".join(others)} && ' if others else ''
        return Check(package.name, f'{label}: not supported', 'problem',
                     remove + package.install)
    if error is not None:
        return Check(package.name, f'{label}, does not import: {describe(error)}',
                     'problem', cure_of_import(package, error))
    return Check(package.name, label)


def gib(number: float) -> str:
    return f'{number / 2**30:.1f} GiB'


def memory() -> str:
    """Memory of the machine, or of the container where that is less."""
    try:
        total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, ValueError, OSError):  # Windows
        return 'unknown'
    with contextlib.suppress(OSError, ValueError):
        limit = int(Path('/sys/fs/cgroup/memory.max').read_text())
        if limit < total:
            return f'{gib(limit)} (limit of the container)'
    return gib(total)


def system_checks() -> List[Check]:
    """Python, operating system, cores, memory and disk."""
    python = platform.python_version()
    found = f'{python}, supported {BOUNDS["python"]}'
    checks = [
        Check('Python', found) if within(python, BOUNDS['python']) else
        Check('Python', found, 'problem',
              f'make an environment with Python {BOUNDS["python"]}'),
        Check('system', f'{platform.system()} {platform.release()} '
              f'{platform.machine()}'),
    ]
    cores = str(os.cpu_count())
    if hasattr(os, 'sched_getaffinity'):
        cores = f'{len(os.sched_getaffinity(0))} usable of {cores}'
    checks += [Check('CPU cores', cores), Check('memory', memory())]
    shared = Path('/dev/shm')
    if shared.is_dir():
        size = shutil.disk_usage(shared).total
        checks.append(
            Check('shared memory', gib(size)) if size >= 2**30 else
            Check('shared memory', gib(size), 'note',
                  'data loader workers may die with a bus error: start the container '
                  'with --shm-size=8g, or set num_workers=0'))
    disk = shutil.disk_usage('.')
    found = f'{gib(disk.free)} free of {gib(disk.total)}'
    checks.append(
        Check('disk, current folder', found) if disk.free >= 5 * 2**30 else
        Check('disk, current folder', found, 'note',
              'free some space; caches and checkpoints need 5 GiB and more'))
    return checks


def gpu_check() -> Check:
    """GPUs torch can compute on."""
    torch = sys.modules.get('torch')
    if torch is None:
        return Check('GPU', 'torch does not import', 'not checked')
    built = f'torch is built for CUDA {torch.version.cuda or "none"}'
    other_build = ('install the build of torch for your driver and GPU from '
                   'https://pytorch.org/get-started/locally')
    if not torch.cuda.is_available():
        if shutil.which('nvidia-smi'):
            return Check('GPU', f'not usable ({built})', 'note', other_build)
        return Check('GPU', f'none ({built})')
    names = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        names.append(f'{facts.name} {gib(facts.total_memory)} '
                     f'sm_{facts.major}{facts.minor}')
        try:
            torch.ones(1, device=f'cuda:{index}').add(1).item()
        except RuntimeError as error:
            return Check('GPU', f'{names[-1]} cannot compute: {describe(error)}',
                         'problem', other_build)
    return Check('GPU', f'{"; ".join(names)} ({built})')


def plugin_check() -> Check:
    """mammo_plugins itself; importing it also installs the operators."""
    error = trial_import('mammo_plugins')
    source = (ROOT / 'mammo_plugins' / 'version.py').read_text(encoding='utf-8')
    version = re.search(r"__version__ = '(.*)'", source)[1]
    if error is None:
        return Check('mammo_plugins', sys.modules['mammo_plugins'].__version__)
    package = Package('mammo_plugins', ('mammo_plugins', ))
    cure = 'get a complete copy of the repository and run: pip install -e .'
    if getattr(error, 'name', None):
        cure = cure_of_import(package, error)
    return Check('mammo_plugins', f'{version}, does not import: {describe(error)}',
                 'problem', cure)


def operators_check() -> Check:
    """What serves mmcv's operators."""
    name = 'mmcv operators'
    if 'mammo_plugins' not in sys.modules:
        return Check(name, 'mammo_plugins does not import', 'not checked')
    from mammo_plugins.compat import BUILD_COMMAND, mmcv_ops_status
    status = mmcv_ops_status()
    if status.kind == 'compiled':
        return Check(name, 'compiled')
    if status.kind == 'absent':
        return Check(name, status.reason, 'not checked')
    return Check(name, f'bridged to torchvision: {status.reason}', 'note',
                 'only if a model needs another operator, such as deformable '
                 f'convolution: {BUILD_COMMAND}')


def decoder_checks() -> List[Check]:
    """DICOM decoders by transfer syntax."""
    try:
        from pydicom import uid
        from pydicom.pixels import get_decoder
    except ImportError:
        return [Check('DICOM decoders', 'pydicom >=3 does not import', 'not checked')]
    checks = []
    for label, syntax, dists in SYNTAXES:
        decoder = get_decoder(getattr(uid, syntax))
        plugins = list(decoder.available_plugins)
        if syntax == 'JPEGExtended12Bit' and 'pillow' in plugins:
            plugins.remove('pillow')  # it decodes 8 bits only
        name = f'DICOM {label}'
        if plugins:
            checks.append(Check(name, ', '.join(plugins)))
        elif decoder.is_available and not dists:
            checks.append(Check(name, 'pydicom'))
        else:
            checks.append(Check(name, 'no decoder: such files cannot be read',
                                'problem', f'pip install {" ".join(dists)}'))
    return checks


def all_checks() -> List[Check]:
    """Every check, in the order of the table."""
    # The plug-in comes first: it installs the operators that mmcv.ops imports.
    plugin = plugin_check()
    return [
        plugin, *system_checks(), *map(package_check, TORCH), gpu_check(),
        *map(package_check, OPENMMLAB), operators_check(),
        *map(package_check, LIBRARIES), *decoder_checks()
    ]


def scrub(text: str) -> str:
    """Replace folders and names that tell who and where the user is."""
    folders = {str(ROOT): '<repo>', sys.prefix: '<env>', os.getcwd(): '<cwd>',
               str(Path.home()): '~'}
    for folder in sorted(folders, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(folder, folders[folder])
    names = {}
    with contextlib.suppress(Exception):  # no such user in some containers
        names[getpass.getuser()] = '<user>'
    names[socket.gethostname()] = '<host>'
    for name, stand_in in names.items():
        if name:
            text = re.sub(rf'(?<!\w){re.escape(name)}(?!\w)', stand_in, text)
    return text


def table(checks: Sequence[Check]) -> str:
    """Markdown that also reads well as plain text."""
    rows = [('check', 'found', 'status'),
            *((c.name, c.found.replace('|', '/'), c.status) for c in checks)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(map(str.ljust, row, widths)) + ' |' for row in rows]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    for status, title in (('problem', 'Problems'), ('note', 'Notes')):
        of_status = [check for check in checks if check.status == status]
        if of_status:
            lines += ['', f'{title}:']
        for check in of_status:
            lines += [f'- {check.name}: {check.found}', f'  Cure: {check.cure}']
    problems = sum(check.status == 'problem' for check in checks)
    lines += ['', f'{problems} required thing(s) missing or wrong; see Problems.'
              if problems else 'All that is required is there.']
    return '\n'.join(lines)


def parse_args(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', action='store_true',
                        help='print a JSON object in place of the table')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the report.

    Returns:
        0 when all that is required is there, else 1.
    """
    args = parse_args(argv)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    print('Importing every package; this takes some seconds.', file=sys.stderr)
    checks = [replace(check, found=scrub(check.found)) for check in all_checks()]
    failed = any(check.status == 'problem' for check in checks)
    if args.json:
        print(json.dumps(dict(ok=not failed, checks=[asdict(c) for c in checks]),
                         indent=2))
    else:
        print(table(checks))
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
