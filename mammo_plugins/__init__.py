"""Published multi-view mammography systems as plug-ins for MMDetection/MMPretrain.

A config only needs to import this package::

    custom_imports = dict(imports=['mammo_plugins'])

The import provides the mmcv operators that are not compiled on this machine and adds
the registry scope ``mammo``. Research use only; not for diagnosis.
"""

from mammo_plugins.compat import (
    guard_optional_packages,
    install_mmcv_ops,
    serve_config_names,
    silence_import_notices,
)

guard_optional_packages()  # must come before anything that imports mmengine
install_mmcv_ops()  # must come before anything that imports mmcv.ops
serve_config_names()
silence_import_notices()  # must come before mmdet and mmpretrain

from mammo_plugins import registry  # noqa: E402
from mammo_plugins.version import __version__  # noqa: E402

__all__ = ['__version__', 'registry']
