"""Check that packages are installed once, in a supported version, and importable."""

import contextlib
import importlib
import io
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from .check import ROOT, Check, describe


def release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: '2.3.6.post1+cu130' -> (2, 3, 6)."""
    numbers = re.match(r'\d+(?:\.\d+)*', version)
    return tuple(map(int, numbers[0].split('.'))) if numbers else ()


def within(version: str, bounds: str) -> bool:
    """Return whether a version satisfies bounds such as '>=2.3.6,<2.4'."""
    return all(
        (release(version) >= release(limit)) == (sign == '>=')
        for sign, limit in re.findall(r'(>=|<)([\d.]+)', bounds)
    )


def supported() -> dict[str, str]:
    """Return the version bounds of every required distribution, and of 'python'.

    They are read from the repository, or from the installed package.
    """
    project = ROOT / 'pyproject.toml'
    if project.is_file():
        text = project.read_text(encoding='utf-8')
        python = re.search(r'^requires-python = "(.*)"', text, re.M)[1]
        listed = re.search(r'^dependencies = \[\n(.*?)^\]', text, re.M | re.S)[1]
        lines = re.findall(r'"(.*)"', listed)
    else:
        try:
            python = metadata.metadata('mammo_plugins')['Requires-Python']
        except metadata.PackageNotFoundError:  # only the folder was copied
            return {'python': ''}
        lines = [
            line for line in metadata.requires('mammo_plugins') if 'extra' not in line
        ]
    return {
        'python': python,
        **dict(re.match(r'([\w.-]+)(.*)', line).groups() for line in lines),
    }


BOUNDS = supported()


@dataclass(frozen=True)
class OptionalPackage:
    """A package of an extra, which only some functions need.

    Attributes:
        name: Import name.
        dist: Distribution that provides it.
        extra: Extra that installs it, a key of ``project.optional-dependencies``.
        purpose: What it is for.
    """

    name: str
    dist: str
    extra: str
    purpose: str


OPTIONAL = (
    OptionalPackage('highdicom', 'highdicom', 'dicom', 'mammo export --dicom'),
    OptionalPackage('ray', 'ray', 'ray', 'mammo infer --launcher ray'),
    OptionalPackage('submitit', 'submitit', 'slurm', 'mammo infer in Slurm jobs'),
    OptionalPackage('tensorboard', 'tensorboard', 'logging', 'logs for TensorBoard'),
    OptionalPackage('mlflow', 'mlflow-skinny', 'logging', 'logs for MLflow'),
    OptionalPackage('wandb', 'wandb', 'logging', 'logs for Weights & Biases'),
)


@dataclass(frozen=True)
class Package:
    """A required package.

    Attributes:
        name: Import name.
        dists: Distributions that provide it; the first one is supported.
        imports: Module to import as a test; None for ``name``.
    """

    name: str
    dists: tuple[str, ...]
    imports: str | None = None

    @property
    def bounds(self) -> str:
        return BOUNDS.get(self.dists[0], '')

    @property
    def install(self) -> str:
        return f'pip install "{self.dists[0]}{self.bounds}"'


TORCH = (
    Package('torch', ('torch',)),
    Package('torchvision', ('torchvision',), 'torchvision.ops'),
)
OPENMMLAB = (
    Package(
        'mmengine', ('onedl-mmengine', 'mmengine', 'mmengine-lite'), 'mmengine.runner'
    ),
    Package('mmcv', ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'), 'mmcv.ops'),
    Package('mmdet', ('onedl-mmdetection', 'mmdet'), 'mmdet.models'),
    Package('mmpretrain', ('onedl-mmpretrain', 'mmpretrain'), 'mmpretrain.models'),
)
OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
LIBRARIES = (
    Package('numpy', ('numpy',)),
    Package('scipy', ('scipy',), 'scipy.ndimage'),
    Package('tifffile', ('tifffile',)),
    Package('python_calamine', ('python-calamine',)),
    Package('PIL', ('pillow',), 'PIL.Image'),
    Package('cv2', OPENCV),
    Package('pycocotools', ('pycocotools',), 'pycocotools.mask'),
    Package('matplotlib', ('matplotlib',)),
    Package('tqdm', ('tqdm',)),
    Package('pydicom', ('pydicom',), 'pydicom.pixels'),
)
if sys.version_info >= (3, 12):  # MMEngine imports it, and Python no longer has it
    LIBRARIES += (Package('distutils', ('setuptools',)),)


def installed(dists: Sequence[str]) -> dict[str, str]:
    """Return the versions of the installed ones among some distributions."""
    found = {}
    for dist in dists:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[dist] = metadata.version(dist)
    return found


def required() -> set[str]:
    """Return the distributions that ours requires, directly or through installed ones.

    Names are normalized by :func:`plain_name`; extras are left out.
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
    """Return a distribution's normalized name (PyPA), for comparisons."""
    return re.sub(r'[-_.]+', '-', dist).lower()


def trial_import(module: str) -> Exception | None:
    """Import a module without letting it print; return the error if it fails."""
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try:
                importlib.import_module(module)
            except Exception as error:  # includes the packages' own version assertions
                return error
    return None


def cure_of_import(package: Package, error: Exception) -> str:
    missing = (getattr(error, 'name', None) or '').split('.')[0]
    if isinstance(error, ModuleNotFoundError) and missing not in ('', package.name):
        known = {p.name: p for p in TORCH + OPENMMLAB + LIBRARIES}.get(missing)
        return (
            known.install if known else (f'install the package that provides {missing}')
        )
    if getattr(error, 'name', None) == 'mmcv._ext':
        return 'fix mammo_plugins, which provides the operators that mmcv lacks'
    if package in TORCH:  # each version of one requires one version of the other
        return 'pip install --force-reinstall torch torchvision'
    return (
        f'pip install --force-reinstall --no-deps "{package.dists[0]}{package.bounds}"'
    )


def package_check(package: Package) -> Check:
    """Check that a package is installed once, in a supported version, and imports."""
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
        # They write to the same folder, so its content depends on the install order.
        return Check(
            package.name,
            f'{label}: they overwrite each other',
            'note' if package.dists == OPENCV else 'problem',
            f'pip uninstall -y {" ".join(found)} && {package.install}',
        )
    if not all(within(version, package.bounds) for version in found.values()):
        # if several share a folder, uninstalling one breaks the others
        others = (
            list(found)
            if len(found) > 1
            else [dist for dist in found if dist in package.dists[1:]]
        )
        remove = f'pip uninstall -y {" ".join(others)} && ' if others else ''
        return Check(
            package.name, f'{label}: not supported', 'problem', remove + package.install
        )
    if error is not None:
        return Check(
            package.name,
            f'{label}, does not import: {describe(error)}',
            'problem',
            cure_of_import(package, error),
        )
    return Check(package.name, label)


def optional_check(package: OptionalPackage) -> Check:
    """Check whether an optional package is installed; it is not imported."""
    found = installed([package.dist])
    if found:
        return Check(package.name, f'{found[package.dist]}, for {package.purpose}')
    return Check(
        package.name,
        f'not installed; only for {package.purpose}',
        'optional',
        f'pip install "mammo_plugins[{package.extra}]"',
    )


def plugin_check() -> Check:
    """Check mammo_plugins itself; importing it also installs the operators."""
    error = trial_import('mammo_plugins')
    source = (ROOT / 'mammo_plugins' / 'version.py').read_text(encoding='utf-8')
    version = re.search(r"__version__ = '(.*)'", source)[1]
    if error is None:
        return Check('mammo_plugins', sys.modules['mammo_plugins'].__version__)
    package = Package('mammo_plugins', ('mammo_plugins',))
    cure = 'get a complete copy of the repository and run: pip install -e .'
    if getattr(error, 'name', None):
        cure = cure_of_import(package, error)
    return Check(
        'mammo_plugins',
        f'{version}, does not import: {describe(error)}',
        'problem',
        cure,
    )


def operators_check() -> Check:
    """Check the provider of mmcv's operators."""
    name = 'mmcv operators'
    if 'mammo_plugins' not in sys.modules:
        return Check(name, 'mammo_plugins does not import', 'not checked')
    from mammo_plugins.compat import BUILD_COMMAND, mmcv_ops_status

    status = mmcv_ops_status()
    if status.kind == 'compiled':
        return Check(name, 'compiled')
    if status.kind == 'absent':
        return Check(name, status.reason, 'not checked')
    return Check(
        name,
        f'bridged to torchvision: {status.reason}',
        'note',
        'only if a model needs another operator, such as deformable '
        f'convolution: {BUILD_COMMAND}',
    )


def upstream_checks() -> list[Check]:
    """Check our assumptions about OpenMMLab's packages, and what these cannot use."""
    name = 'assumptions on upstream'
    if 'mammo_plugins' not in sys.modules:
        return [Check(name, 'mammo_plugins does not import', 'not checked')]
    for package in OPENMMLAB:
        if trial_import(package.imports) is not None:
            return [Check(name, f'{package.name} does not import', 'not checked')]
    from mammo_plugins.compat.upstream import report

    return [Check(*row) for row in report()]
