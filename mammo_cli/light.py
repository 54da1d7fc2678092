"""Import modules of mammo_plugins without the rest of the package."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def light(name: str) -> ModuleType:
    """Import a module of mammo_plugins that needs only the standard library.

    An ordinary import would first run the parent package, which imports PyTorch. The
    package uses the same module object when it is imported later.

    Args:
        name (str): Name below ``mammo_plugins``, such as 'io.limits'.
    """
    full = f'mammo_plugins.{name}'
    if 'mammo_plugins' in sys.modules or full in sys.modules:
        return import_module(full)
    folder = Path(find_spec('mammo_plugins').submodule_search_locations[0])
    stand_ins = ['mammo_plugins']
    for part in name.split('.')[:-1]:
        stand_ins.append(f'{stand_ins[-1]}.{part}')
    for package in stand_ins:
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(folder.joinpath(*package.split('.')[1:]))]
    try:
        return import_module(full)
    finally:
        for package in stand_ins:
            del sys.modules[package]
