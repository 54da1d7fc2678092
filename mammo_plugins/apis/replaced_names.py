"""Finding lists in a config that replace named parts of its base."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mammo_plugins.datasets.pipeline import ORDER, SLOTS, is_named

from .copied_settings import base_files, setting_at
from .named_parts import TAKE_NAMES, is_a

_HELD = ('pipeline', 'transforms', 'datasets', 'metrics')


def replaced_names(path: str, cfg: Config) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (file, dotted setting, replaced names) for lists that replace named parts.

    MMEngine replaces a dict by a list without a warning. A list inside a part dropped
    by ``_delete_=True`` is intended.

    Args:
        path (str): A config file.
        cfg (Config): What was read from it.
    """
    lists = list(_lists(cfg, ''))
    if lists:
        yield from _over_names(Path(path), cfg, lists)


def _over_names(
    path: Path, cfg: Config, lists: list[str]
) -> Iterator[tuple[str, str, list[str]]]:
    for base in base_files(path):
        inherited = Config.fromfile(base, import_custom_modules=False)
        older = []
        for field in lists:
            before = setting_at(inherited, field)
            if isinstance(before, (list, tuple)):
                older.append(field)
            elif is_named(before) and _is_merged(cfg, inherited, field):
                yield (
                    str(path),
                    field,
                    [name for name in before if name not in (ORDER, SLOTS)],
                )
        if older:  # a base by the same user may have added them
            yield from _over_names(base, inherited, older)


def _lists(part: Any, where: str) -> Iterator[str]:
    """Yield the lists of a config in places that accept named parts."""
    for key, item in part.items():
        if isinstance(item, dict):
            yield from _lists(item, f'{where}{key}.')
        elif key in _HELD and where and isinstance(item, (list, tuple)):
            yield f'{where}{key}'


def _is_merged(cfg: Config, inherited: Config, field: str) -> bool:
    """Return whether a list's parent accepts named parts and extends that of a base."""
    keys = field.split('.')[:-1]
    owners = [
        [setting_at(each, '.'.join(keys[:depth])) for each in (cfg, inherited)]
        for depth in range(1, len(keys) + 1)
    ]
    return all(
        isinstance(before, dict) and before.keys() <= now.keys()
        for now, before in owners
    ) and is_a(
        owners[-1][0].get('type'), cfg.get('default_scope') or 'mmengine', TAKE_NAMES
    )
