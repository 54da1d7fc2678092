"""Make the libraries below us work as installed, without needless output."""

from mammo_plugins.compat.config_names import serve_config_names
from mammo_plugins.compat.mmcv_ops import (
    BUILD_COMMAND,
    OpsStatus,
    install_mmcv_ops,
    mmcv_ops_status,
)
from mammo_plugins.compat.optional_packages import guard_optional_packages, left_out
from mammo_plugins.compat.quiet_imports import silence_import_notices

__all__ = [
    'BUILD_COMMAND',
    'OpsStatus',
    'guard_optional_packages',
    'install_mmcv_ops',
    'left_out',
    'mmcv_ops_status',
    'serve_config_names',
    'silence_import_notices',
]
