"""``mammo_plugins::`` names of configs, wherever MMEngine accepts such names.

MMEngine has a fixed list of packages that ship configs, and accepts only names with a
folder. With :func:`serve_config_names`, any config can set
``_base_ = 'mammo_plugins::mamminet_v2.py'``, and ``mmengine.hub.get_config`` accepts
the same names, with or without ``.py``.
"""

import functools
import sys

PACKAGE = 'mammo_plugins'
# each of these modules has imported the function by name
_USERS = ('mmengine.config.utils', 'mmengine.config.config', 'mmengine.hub.hub')


def serve_config_names() -> None:
    """Let MMEngine find the configs of this package; repeated calls change nothing.

    Our configs are inherited like files next to the child config: no scope is written
    into them, as MMEngine does for a base of another package. The scope would interfere
    with merging by name, and our configs set ``default_scope``.
    """
    # not at the top: must be imported with the guard of optional packages in place
    from mmengine.config import Config, utils

    if PACKAGE in utils.MODULE2PACKAGE:
        return
    utils.MODULE2PACKAGE[PACKAGE] = PACKAGE
    split, find = utils._get_package_and_cfg_path, Config._get_cfg_path

    @functools.wraps(split)
    def _get_package_and_cfg_path(cfg_path: str) -> tuple[str, str]:
        package, separator, name = cfg_path.partition('::')
        if package == PACKAGE and separator and '::' not in name:
            return package, name if name.endswith('.py') else f'{name}.py'
        return split(cfg_path)

    @functools.wraps(find)
    def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        path, scope = find(cfg_path, filename)
        return path, None if scope == PACKAGE else scope

    for name in _USERS:
        if name in sys.modules:
            sys.modules[name]._get_package_and_cfg_path = _get_package_and_cfg_path
    Config._get_cfg_path = staticmethod(_get_cfg_path)
