"""Replace ``mmcv._ext`` if mmcv was installed without compiled operators.

``onedl-mmcv`` comes from PyPI as source. pip builds it in an isolated environment
without torch and therefore leaves out the compiled module ``mmcv._ext``. ``mmcv.ops``,
and with it ``mmdet.models``, then cannot be imported. :func:`install_mmcv_ops` installs
a module of that name. It provides the operators named in ``SERVED_OPS`` through
torch and torchvision. Any other operator can be imported, and raises
``NotImplementedError`` with the cure when it is called. Compiled operators are
always used instead if they load.

The bridge imports neither torch nor mmcv before an operator is requested, so
importing ``mammo_plugins`` stays fast.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from types import MappingProxyType, ModuleType
from typing import NoReturn

EXT_NAME = 'mmcv._ext'

BUILD_COMMAND = (
    'pip install setuptools wheel ninja psutil && '
    'pip install --no-build-isolation --no-deps --no-cache-dir '
    '--force-reinstall onedl-mmcv'
)
"""Builds the compiled operators; torch must be installed before it is run.

Without ``--no-build-isolation`` the build does not see torch and skips the operators;
without ``--no-cache-dir`` pip reuses the wheel it built without them.
"""

SERVED_OPS = MappingProxyType(
    {
        'get_compiler_version': 'info_ops',
        'get_compiling_cuda_version': 'info_ops',
        'nms': 'nms_ops',
        'nms_match': 'nms_ops',
        'softnms': 'nms_ops',
        'roi_align_forward': 'roi_align_ops',
        'roi_align_backward': 'roi_align_ops',
        'sigmoid_focal_loss_forward': 'focal_loss_ops',
        'sigmoid_focal_loss_backward': 'focal_loss_ops',
    }
)
"""Operator name -> module of ``mammo_plugins.compat`` that serves it."""


@dataclass(frozen=True)
class OpsStatus:
    """Provider of mmcv's operators in this process.

    Attributes:
        kind: 'compiled', 'bridged', or 'absent' if mmcv is not installed.
        served: Names of the operators that the bridge provides; empty unless 'bridged'.
        reason: Why the compiled operators are not used; None if they are.
    """

    kind: str
    served: tuple[str, ...] = ()
    reason: str | None = None


class BridgedExt(ModuleType):
    """A module that has every operator name and implements those that it can.

    Args:
        reason: Why the compiled module is not used, for the status report.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(EXT_NAME, 'Operators of mmcv served by mammo_plugins.')
        # mmengine looks the module up with find_spec, which needs a spec.
        self.__spec__ = ModuleSpec(EXT_NAME, loader=None, origin=__name__)
        self._reason = reason

    def __getattr__(self, name: str) -> Callable:
        # Python's own tools request names such as __path__ and __file__.
        if name.startswith('_'):
            raise AttributeError(f'{EXT_NAME} has no attribute {name!r}')
        if name in SERVED_OPS:
            module = importlib.import_module(f'mammo_plugins.compat.{SERVED_OPS[name]}')
            op = getattr(module, name)
        else:
            op = _unserved_op(name)
        setattr(self, name, op)
        return op


def _unserved_op(name: str) -> Callable[..., NoReturn]:
    """Create an operator that raises an error with its cure when it is called."""

    def unserved(*args, **kwargs) -> NoReturn:
        raise NotImplementedError(
            f'The mmcv operator {name!r} is not compiled on this machine, and '
            "mammo_plugins does not serve it from torchvision. To compile mmcv's "
            f'operators, with torch already installed, run: {BUILD_COMMAND}'
        )

    unserved.__name__ = unserved.__qualname__ = name
    return unserved


def _mmcv_path() -> list | None:
    """Return the folders of mmcv's modules, or None if mmcv is absent.

    Does not import mmcv.
    """
    if sys.modules.get('mmcv') is not None:
        return list(sys.modules['mmcv'].__path__)
    spec = importlib.util.find_spec('mmcv')
    if spec is None or spec.submodule_search_locations is None:
        return None
    return list(spec.submodule_search_locations)


def install_mmcv_ops() -> str:
    """Make ``mmcv.ops`` importable, with compiled operators if they load.

    Safe to call more than once, and before or after mmcv, mmdet or mmpretrain are
    imported: an import of ``mmcv.ops`` that failed earlier leaves nothing behind
    and succeeds when repeated.

    Returns:
        Provider of the operators: 'compiled', 'bridged', or 'absent' if mmcv is
        not installed, in which case nothing is done.

    Warns:
        RuntimeWarning: Compiled operators exist but do not load, for example after an
            upgrade of torch.
    """
    return mmcv_ops_status().kind


def mmcv_ops_status() -> OpsStatus:
    """Install the operators if needed and return their provider.

    Returns:
        The status; see :func:`install_mmcv_ops` for the rules and the warning.
    """
    if EXT_NAME not in sys.modules:
        path = _mmcv_path()
        if path is None:
            return OpsStatus('absent', reason='mmcv is not installed')
        reason = _why_not_compiled(path)
        if reason is not None:
            sys.modules[EXT_NAME] = BridgedExt(reason)
    ext = sys.modules[EXT_NAME]
    if isinstance(ext, BridgedExt):
        return OpsStatus('bridged', tuple(SERVED_OPS), ext._reason)
    return OpsStatus('compiled')


def _why_not_compiled(path: list) -> str | None:
    """Import the compiled operators; return why that failed, or None if it did not."""
    if PathFinder.find_spec(EXT_NAME, path) is None:
        return 'mmcv was installed without compiled operators'
    try:
        importlib.import_module('torch')  # loads libraries that operators link to
        importlib.import_module(EXT_NAME)
    except (ImportError, OSError) as error:
        reason = f'the compiled operators do not load ({error})'
        warnings.warn(
            f'mmcv: {reason}. Operators are served from torchvision instead. To '
            f'compile them for the installed torch, run: {BUILD_COMMAND}',
            RuntimeWarning,
            stacklevel=4,
        )
        return reason
    return None
