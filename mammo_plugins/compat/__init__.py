"""The bridge that lets mmcv's operators run where they were not compiled."""
from mammo_plugins.compat.mmcv_ops import (BUILD_COMMAND, OpsStatus,
                                           install_mmcv_ops, mmcv_ops_status)

__all__ = ['BUILD_COMMAND', 'OpsStatus', 'install_mmcv_ops', 'mmcv_ops_status']
