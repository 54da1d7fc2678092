"""Hide optional packages from mmdet and mmpretrain if these would break on them.

The libraries below us try to import dozens of optional packages, and catch the
``ImportError`` of those that are absent. An installed package that is too new, too
old or broken may raise another error, or lack a class that they inherit. Then all
of mmdet or mmpretrain fails to import: with ``transformers`` 5,
``import mmpretrain.models`` ends in a ``TypeError``. :func:`guard_optional_packages`
installs a finder with two effects:

- A package that fails when a library below us imports it fails with ``ImportError``.
- ``transformers`` is hidden from modules that import names from it while they load, if
  it lacks a name that is taken for granted, raises another error, or provides something
  other than a class where one is inherited.

Other importers are not affected: the user's own ``import transformers`` gives
the same modules, or the same error, as without this package.
"""

import ast
import importlib
import importlib.abc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

UPSTREAM = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain')
"""The libraries below us, by import name."""

_USERS_OF_TRANSFORMERS = (
    'mmengine.optim.optimizer.builder',
    'mmdet.datasets',
    'mmdet.models',
    'mmpretrain.models',
)
"""Modules that take names from ``transformers`` while they, or those below, load."""

_left_out: dict[str, str] = {}


def left_out() -> dict[str, str]:
    """Return the optional packages that have been left out so far.

    Returns:
        dict[str, str]: Their errors, by import name.
    """
    return dict(_left_out)


def _note(package: str, error: Exception) -> None:
    lines = str(error).strip().splitlines() or ['']
    _left_out[package] = f'{type(error).__name__}: {lines[0]}'.rstrip(': ')


class _Loader(importlib.abc.Loader):
    """Loader that executes a module through a function, which gets its own loader."""

    def __init__(self, loader: Any, execute: Callable) -> None:
        self._loader = loader
        self._execute = execute

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # code that reads the module's loader, such as inspect, finds the original one
        module.__spec__.loader = module.__loader__ = self._loader
        self._execute(self._loader, module)


def _as_absent(package: str, loader: Any, module: ModuleType) -> None:
    """Execute a module of an optional package; turn any error into ImportError."""
    try:
        loader.exec_module(module)
    except ImportError:
        raise
    except Exception as error:  # whatever a broken package raises
        _note(package, error)
        raise ImportError(
            f'{module.__name__} does not import ({_left_out[package]})',
            name=module.__name__,
        ) from error


def _statements(module: ModuleType) -> Iterator[tuple[ast.ImportFrom, set[str]]]:
    """Yield the imports from ``transformers`` in a module and its submodules.

    Yields:
        tuple: An import statement, and the names that classes in its file inherit.
    """
    file = Path(module.__spec__.origin)
    files = sorted(file.parent.rglob('*.py')) if file.stem == '__init__' else [file]
    for path in files:
        text = path.read_text(encoding='utf-8')
        if 'transformers' not in text:
            continue
        nodes = [*ast.walk(ast.parse(text))]
        inherited = {
            ast.unparse(base)
            for node in nodes
            if isinstance(node, ast.ClassDef)
            for base in node.bases
        }
        for node in nodes:
            if (
                isinstance(node, ast.ImportFrom)
                and not node.level
                and str(node.module).partition('.')[0] == 'transformers'
            ):
                yield node, inherited


def _fault_of_transformers(module: ModuleType) -> Exception | None:
    """Return why a module cannot be loaded with ``transformers``, or ``None``."""
    # mmpretrain requires names that the other libraries treat as optional
    granted = module.__name__.partition('.')[0] == 'mmpretrain'
    if granted and not _dependency().WITH_MULTIMODAL:
        return None
    try:
        importlib.import_module('transformers')
        for statement, inherited in _statements(module):
            found: dict[str, Any] = {}
            try:
                exec(compile(ast.unparse(statement), module.__name__, 'exec'), found)
            except ImportError:
                if granted:
                    raise
                continue
            for alias in statement.names:
                name = alias.asname or alias.name
                if name in inherited and not isinstance(found[name], type):
                    raise TypeError(f'transformers.{alias.name} is not a class')
    except ImportError as error:
        return error if granted else None
    except Exception as error:  # whatever a broken package raises
        return error
    return None


def _dependency() -> ModuleType:
    """Return the module where mmpretrain records if ``transformers`` is installed."""
    return importlib.import_module('mmpretrain.utils.dependency')


@contextmanager
def _no_transformers(library: str) -> Iterator[None]:
    """Hide ``transformers`` as if not installed, even if it was imported before."""
    theirs = {
        name: module
        for name, module in sys.modules.items()
        if name.partition('.')[0] == 'transformers'
    }
    for name in theirs:
        del sys.modules[name]
    sys.modules['transformers'] = None  # makes its import raise ModuleNotFoundError
    dependency = _dependency() if library == 'mmpretrain' else SimpleNamespace()
    asked_for = getattr(dependency, 'WITH_MULTIMODAL', False)
    dependency.WITH_MULTIMODAL = False
    try:
        yield
    finally:
        dependency.WITH_MULTIMODAL = asked_for
        del sys.modules['transformers']
        sys.modules.update(theirs)


def _with_or_without(loader: Any, module: ModuleType) -> None:
    """Execute a module, without ``transformers`` if it cannot be loaded with it."""
    fault = _fault_of_transformers(module)
    if fault is None:
        loader.exec_module(module)
        return
    if sys.modules.get('transformers', module) is not None:  # not hidden already
        _note('transformers', fault)
    with _no_transformers(module.__name__.partition('.')[0]):
        loader.exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finder that delegates to the other finders and wraps modules that may fail."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = name.partition('.')[0]
        if name in _USERS_OF_TRANSFORMERS:
            execute = _with_or_without
        elif (
            package not in (*UPSTREAM, *sys.stdlib_module_names) and _upstream_imports()
        ):
            execute = partial(_as_absent, package)
        else:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not hasattr(spec.loader, 'exec_module'):
            return None
        spec.loader = _Loader(spec.loader, execute)
        return spec


def _upstream_imports() -> bool:
    """Return whether an import statement of a library below us is being executed."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(
        '<frozen importlib'
    ):
        frame = frame.f_back
    name = frame.f_globals.get('__name__') if frame is not None else None
    return str(name).partition('.')[0] in UPSTREAM


def guard_optional_packages() -> None:
    """Install the finder; repeated calls change nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
