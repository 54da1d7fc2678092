"""Settings that a config's bases have copied, so a new value has no effect.

``data_root`` at the top of a base is a Python variable. Settings that the base derives
from it keep the value that it had there. A config that inherits from the base and sets
``data_root`` changes only the variable.
"""

import ast
import copy
import difflib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from .meant_settings import meant_pipelines, places_of

# settings that MMEngine and our tools read; all other top-level names are variables
RUN_SETTINGS = frozenset(inspect.signature(Runner.__init__).parameters) - {
    'self',
    'cfg',
} | {
    'acceleration',
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'find_unused_parameters',
    'inferencer',
    'model_wrapper_cfg',
    'preparation',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
# too similar to common names of variables
RARE = {'tta_model', 'tta_pipeline'}


@dataclass(frozen=True)
class Unreached:
    """A variable whose new value does not replace the old one that bases copied.

    Attributes:
        name (str): The variable.
        fields (list[str]): Dotted settings that still have the old value.
        used (bool): Whether the config that sets it also uses it.
    """

    name: str
    fields: list[str]
    used: bool


@dataclass(frozen=True)
class _File:
    """A config file: the names that it sets at top level, and those that it uses."""

    path: Path
    tree: ast.Module
    bases: list[Path]

    @cached_property
    def assigned(self) -> set:
        """set[str]: Variables that are set here and not deleted afterwards."""
        deleted = {
            target.id
            for node in self.tree.body
            if isinstance(node, ast.Delete)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return {
            node.id
            for node in _at_top(self.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        } - deleted

    @cached_property
    def used(self) -> set:
        """set[str]: Variables that an expression reads."""
        return {
            node.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }


def _at_top(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements run at the top level of a file, outside its functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(
            child,
            (
                ast.FunctionDef,
                ast.AsyncFunctionDef,
                ast.ClassDef,
                ast.Lambda,
                ast.ListComp,
                ast.SetComp,
                ast.DictComp,
                ast.GeneratorExp,
            ),
        ):
            yield child
            yield from _at_top(child)


def _root(node: ast.AST) -> str | None:
    """Return the variable that an attribute or item belongs to."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _target(node: ast.stmt) -> str | None:
    """Return the variable that a statement sets, if it is one."""
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, (ast.AnnAssign, ast.AugAssign))
        else []
    )
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        return targets[0].id
    return None


def _read(path: Path) -> _File:
    tree = ast.parse(path.read_text(encoding='utf-8'))
    named: Any = []
    for node in tree.body:
        if _target(node) == '_base_':
            named = ast.literal_eval(node.value)
    bases = [
        Path(Config._get_cfg_path(name, str(path))[0])
        for name in ([named] if isinstance(named, str) else named)
    ]
    return _File(path, tree, bases)


def base_files(path: Path) -> list[Path]:
    """Return the files that a config names in ``_base_``.

    Args:
        path (Path): A config; one that is not Python has none here.
    """
    return _read(path).bases if path.suffix == '.py' else []


def _files(path: Path) -> Iterator[_File]:
    """Yield a config and all configs that it inherits from, the config itself first."""
    if path.suffix == '.py':  # other formats have no variables
        file = _read(path)
        yield file
        for base in file.bases:
            yield from _files(base)


def _evaluate(path: Path, values: dict[str, Any] | None = None) -> Config:
    """Return a config as if variables had these values wherever they are set."""
    with TemporaryDirectory() as folder:
        # always copied: a config may contain its own path
        return Config.fromfile(
            _copy(path, Path(folder), values or {}), import_custom_modules=False
        )


def _copy(path: Path, folder: Path, values: dict[str, Any]) -> str:
    """Write a config and its bases with new values; return the path of the copy."""
    if path.suffix != '.py':
        return str(path)
    file = _read(path)
    body = []
    for node in file.tree.body:
        name = _target(node)
        if name == '_base_':
            node = _assignment(name, [_copy(b, folder, values) for b in file.bases])
        elif name in values:
            node = _assignment(name, values[name])
        body.append(node)
    target = folder / f'{len(list(folder.iterdir()))}_{path.name}'
    target.write_text(
        ast.unparse(ast.fix_missing_locations(ast.Module(body=body, type_ignores=[]))),
        encoding='utf-8',
    )
    return str(target)


def _assignment(name: str, value: Any) -> ast.stmt:
    return ast.parse(f'{name} = {_plain(value)!r}').body[0]


def _plain(value: Any) -> Any:
    """Return a setting converted to built-in containers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value


def differences(one: Any, other: Any, where: str = '') -> Iterator[str]:
    """Yield the dotted settings in which two configs differ.

    Args:
        one, other (Any): Configs or parts of them.
        where (str): Their dotted place.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = [(key, one.get(key), other.get(key)) for key in {**one, **other}]
    elif (
        isinstance(one, (list, tuple))
        and isinstance(other, (list, tuple))
        and len(one) == len(other)
    ):
        pairs = zip(range(len(one)), one, other)
    else:
        if one != other:
            yield where
        return
    for key, a, b in pairs:
        yield from differences(a, b, f'{where}.{key}' if where else str(key))


def setting_at(cfg: Any, field: str) -> Any:
    """Return the value at a dotted place of a config, ``None`` if it is missing.

    Args:
        cfg (Config): The config.
        field (str): Such as 'train_dataloader.dataset.pipeline.3.scale'.
    """
    for key in field.split('.'):
        if isinstance(cfg, (list, tuple)) and key.isdigit() and int(key) < len(cfg):
            cfg = cfg[int(key)]
        elif isinstance(cfg, (dict, Config)):
            cfg = cfg.get(key)
        else:
            return None
    return cfg


def _holding(value: Any, part: Any, where: str) -> Iterator[str]:
    """Yield the places where a part of a config equals a value."""
    if part == value and type(part) is type(value):
        yield where
    elif isinstance(part, (dict, list, tuple)):
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, item in items:
            yield from _holding(value, item, f'{where}.{key}')


def of_the_run(cfg: Config) -> dict[str, Any]:
    """Return the settings of a config that a run reads, without its variables.

    Args:
        cfg (Config): The config.
    """
    return {key: value for key, value in cfg.items() if key in RUN_SETTINGS}


def _is_variable(name: str, value: Any) -> bool:
    """Return whether a name has an effect only through what configs derive from it.

    A text or number that MMEngine reads may also have copies; None omits a part.
    """
    return name not in RUN_SETTINGS or not isinstance(
        value, (dict, list, tuple, type(None))
    )


def unreached_settings(path: str, cfg: Config) -> list[Unreached]:
    """Return the variables that a config sets without effect.

    It is read a second time with the new values in its bases too: settings that then
    differ have kept an old value.

    Args:
        path (str): The config file.
        cfg (Config): The config read from it.
    """
    if Config._is_lazy_import(path):
        return []
    root = Path(path).absolute()
    files = list(_files(root))
    setters = {}
    for name in sorted(set().union(*(file.assigned for file in files))):
        of_name = [file for file in files if name in file.assigned]
        if len(of_name) > 1 and name in cfg and _is_variable(name, cfg[name]):
            setters[name] = of_name
    if not setters or _differing(root, cfg, setters) == []:
        setters = {
            name: of_name
            for name, of_name in setters.items()
            if not any(name in file.used for file in of_name)
        }
    found = []
    for name, of_name in setters.items():
        fields = _differing(root, cfg, [name]) or []
        if not fields and not any(name in file.used for file in of_name):
            # the base is a config written by MMEngine, without expressions
            base = Config.fromfile(str(of_name[1].path), import_custom_modules=False)
            if base[name] != cfg[name]:
                fields = _with_value(base[name], cfg)
        if fields:
            found.append(Unreached(name, fields, name in of_name[0].used))
    return found


def _differing(path: Path, cfg: Config, names: Iterable[str]) -> list[str] | None:
    """Return the settings that would differ if the bases used the variables' values.

    Args:
        path (Path): The config file.
        cfg (Config): The config, with the values of its variables.
        names (Iterable[str]): The variables.

    Returns:
        list[str], optional: None for a config that decomposes its variables, which
            cannot be traced.
    """
    values = {name: cfg[name] for name in names}
    try:
        followed, asis = _evaluate(path, values), _evaluate(path)
    except Exception:  # configs are Python: they can fail in any way
        return None
    fields = []
    for field in differences(of_the_run(asis), of_the_run(followed)):
        # a variable that was changed in place is already included
        if field not in values and setting_at(asis, field) not in values.values():
            fields.append(field)
    return fields


def _with_value(value: Any, cfg: Config) -> list[str]:
    """Return the settings with a value that is not just a number."""
    if value is None or value == '' or isinstance(value, (bool, int, float)):
        return []
    return [
        field
        for key, part in of_the_run(cfg).items()
        for field in _holding(value, part, key)
    ]


def unreached_options(
    path: str, options: dict[str, Any]
) -> list[tuple[str, list[str]]]:
    """Return the ``--cfg-options`` without effect, and what to set instead.

    Args:
        path (str): The config file.
        options (dict[str, Any]): The options, by dotted names.

    Returns:
        list[tuple[str, list[str]]]: Each option with the settings derived from its
            variable; empty if there are none.
    """
    found = []
    read = Config.fromfile(path, import_custom_modules=False)
    for key, value in options.items():
        name, _, rest = key.partition('.')
        if name not in read or not _is_variable(name, read[name]):
            continue
        cfg, old = copy.deepcopy(read), read[name]
        cfg.merge_from_dict({key: value})
        if cfg[name] == old:
            continue
        fields = _differing(Path(path).absolute(), cfg, [name])
        if not fields and name not in RUN_SETTINGS:
            tail = f'.{rest}' if rest else ''
            fields = [field + tail for field in _with_value(old, cfg)]
        left = [field for field in fields or () if field not in options]
        if left or (not fields and name not in RUN_SETTINGS):
            found.append((key, left))
    return found


def dead_variables(path: str, cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield (variable, likely intended setting) for variables that nothing reads.

    The second is empty if the config has nothing similar.

    Args:
        path (str): A config file from which no other inherits.
        cfg (Config): The config read from it.
    """
    if Config._is_lazy_import(path) or not path.endswith('.py'):
        return
    file, *bases = _files(Path(path).absolute())
    if not bases:  # a config written by MMEngine names bases that it does not have
        return
    for node in _at_top(file.tree):
        if (
            isinstance(node, (ast.Attribute, ast.Subscript))
            and _root(node) == '_base_'
            and not isinstance(node.ctx, ast.Load)
        ):
            yield ast.unparse(node), 'the setting itself, which the base has made of it'
    known = (RUN_SETTINGS - RARE).union(*(base.assigned for base in bases))
    local = {
        node.id
        for node in _at_top(file.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for name in sorted(file.assigned - known - file.used - local - {'_base_'}):
        if name.startswith('_') or name not in cfg:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        places = meant_pipelines(name, cfg) or list(places_of(name, of_the_run(cfg)))
        yield name, ', '.join(places[:3]) or ''.join(near)
