"""Reading configs, and refusing settings that would have no effect."""

import copy
import difflib
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mammo_plugins.io import file_error
from mammo_plugins.shipped import PREFIX, config_path, may_be_a_row, no_such_config

from .copied_settings import (
    RARE,
    RUN_SETTINGS,
    dead_variables,
    of_the_run,
    setting_at,
    unreached_options,
    unreached_settings,
)
from .known_settings import nearest, unknown_settings
from .meant_settings import meant_pipelines, places_of
from .metric_frames import metrics_of_other_frames
from .needed_steps import lacking_steps
from .replaced_names import replaced_names
from .setting_kinds import other_kinds, wrong_kinds, wrong_parts


class ConfigError(ValueError):
    """A config that cannot be used; the message states the remedy."""


def load_config(path: str, cfg_options: dict | None = None) -> Config:
    """Read a config and apply ``--cfg-options``.

    Args:
        path (str): A config file, or the name of one that the package ships, such as
            'mammo_plugins::divf/average_r18_cmmd.py'.
        cfg_options (dict, optional): Overrides.

    Raises:
        ConfigError: If the file does not exist or cannot be read; if a setting in it or
            in the overrides belongs to no component, or has no effect because a base
            has copied the earlier value.
    """
    missing = no_such_config(path)
    if missing:
        row = may_be_a_row(path) and _as_row(Path(path))
        raise ConfigError(f'{path}: no such config{row}' if row else missing)
    path = str(config_path(path))
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is Python: it can fail in any way
        if file_error(error) and not error.filename:  # MMEngine's copies of it
            error.filename = tempfile.gettempdir()
            raise
        raise ConfigError(
            isinstance(error, FileNotFoundError)
            and _missing_base(path)
            or f'{path}: not a readable config ({type(error).__name__}: {error})'
        ) from None
    _refuse_vain_settings(path, cfg)
    options = cfg_options or {}
    if options:
        _refuse_unknown_options(cfg, options)
        _refuse(path, cfg, other_kinds(cfg, options), options)
        _merge(copy.deepcopy(cfg), options)  # options that do not fit are refused here
        _refuse_vain_options(path, cfg, options)
        _merge(cfg, options)
    # each check relies on those before it
    for wrong in (
        wrong_kinds,
        wrong_parts,
        lacking_steps,
        metrics_of_other_frames,
        unknown_settings,
    ):
        _refuse(path, cfg, wrong(cfg), options)
    return cfg


def _missing_base(path: str) -> str:
    """Return the error message for the first missing base of a config, else ''."""
    for base in Config._get_base_files(path):
        if base.startswith(PREFIX):
            file, missing = config_path(base), no_such_config(base)
        elif '::' in base:
            try:
                file, missing = Config._get_cfg_path(base, path)[0], None
            except FileNotFoundError:
                missing = f'{base}: no such config in {base.partition("::")[0]}'
        else:
            file = Path(path).parent / base
            known = {each.name for each in file.parent.glob('*.py')}
            near = nearest(file.name, known - {Path(path).name})
            missing = None if file.is_file() else f'{base}: no such file{near}'
        missing = f'{path}: _base_: {missing}' if missing else _missing_base(str(file))
        if missing:
            return missing
    return ''


def _as_row(path: Path) -> str:
    """Return the ablation row with the name of a phantom config."""
    ablation = path.with_name('ablation.py')
    words = re.split('[-_]', path.stem)
    if 'phantom' not in words:
        return ''
    words.remove('phantom')
    like = [
        row
        for row in Config.fromfile(ablation).get('rows', {})
        for *parts, last in [re.split('[-_]', row)]
        if [last] == words[-1:]
        and not path.with_name(f'{row}_phantom.py').exists()
        and all(difflib.get_close_matches(word, words, cutoff=0.8) for word in parts)
    ]
    if not like:
        return ''
    row = max(like, key=len)
    return f'; it is a row of {ablation} now: mammo ablate {ablation} --rows {row}'


def _listed(fields: list[str], end: str) -> str:
    """Return settings as text; show lists whole if options cannot address items."""
    whole = []
    for field in fields:
        keys = field.split('.')
        number = next((i for i, key in enumerate(keys) if key.isdigit()), len(keys))
        whole.append('.'.join(keys if end == 'option' else keys[:number]))
    whole = list(dict.fromkeys(whole))
    more = f' and {len(whole) - 6} more' if len(whole) > 6 else ''
    return ', '.join(whole[:6]) + more


def _refuse_vain_settings(path: str, cfg: Config) -> None:
    """Raise for config variables without effect; warn of those with partial effect."""
    for setting in unreached_settings(path, cfg):
        fields = _listed(setting.fields, 'config')
        if not setting.used:
            raise ConfigError(
                f'{path}: {setting.name}: has no effect, because its bases have '
                f'copied the old value; set {fields} instead'
            )
        print(
            f'warning: {path}: {setting.name}: its bases have copied the old '
            f'value into {fields}, which keep it; set these too if you want to '
            'change them',
            file=sys.stderr,
        )
    for file, field, names in replaced_names(path, cfg):
        part, _, rest = field.partition('_dataloader')
        others = (
            [
                f'{each}_dataloader{rest}'
                for each in ('train', 'val', 'test')
                if each != part
                and isinstance(setting_at(cfg, f'{each}_dataloader{rest}'), dict)
            ]
            if rest
            else []
        )
        kept = f'; {" and ".join(others)} keep theirs' if others else ''
        print(
            f'warning: {file}: {field}: a list, in the place of all that its base has '
            f'there by name ({", ".join(names)}){kept}; to change or leave out some '
            'give a dict by these names',
            file=sys.stderr,
        )
    for name, hint in dead_variables(path, cfg):
        if hint:
            raise ConfigError(f'{path}: {name}: it has no effect; did you mean {hint}?')
        print(f'warning: {path}: {name}: it has no effect', file=sys.stderr)


def _refuse_unknown_options(cfg: Config, options: dict[str, Any]) -> None:
    for key in options:
        name = key.partition('.')[0]
        if name not in cfg and name not in RUN_SETTINGS:
            places = meant_pipelines(name, cfg) or list(
                places_of(name, of_the_run(cfg))
            )
            meant = (
                f'; did you mean {", ".join(places[:3])}?'
                if places
                else nearest(name, {*cfg, *RUN_SETTINGS} - RARE)
            )
            raise ConfigError(
                f'--cfg-options {key}: the config has no such setting{meant}'
            )


def _refuse_vain_options(path: str, cfg: Config, options: dict[str, Any]) -> None:
    for key, fields in unreached_options(path, options):
        instead = f'; set {_listed(fields, "option")}' if fields else ''
        raise ConfigError(
            f'--cfg-options {key}: has no effect, because the config was already '
            f'built from it when it was read{instead}'
        )


def _merge(cfg: Config, options: dict[str, Any]) -> None:
    """Merge ``--cfg-options``; a tuple in the config stays a tuple."""
    for key, value in options.items():
        if isinstance(value, list) and isinstance(setting_at(cfg, key), tuple):
            value = tuple(value)
        try:
            cfg.merge_from_dict({key: value})
        except (
            LookupError,
            TypeError,
            AttributeError,
            ValueError,
            AssertionError,
        ) as error:
            why = _misfit(cfg, key) or (
                f'does not fit the config ({error.args[0] if error.args else error})'
            )
            raise ConfigError(f'--cfg-options {key}: {why}') from None


def _misfit(cfg: Config, key: str) -> str:
    """Return why an option has no place in the config, '' if its form is valid."""
    keys = key.split('.')
    for depth in range(1, len(keys)):
        field, after = '.'.join(keys[:depth]), keys[depth]
        held = setting_at(cfg, field)
        if held is None:
            break
        if isinstance(held, (list, tuple)):
            if not (held and all(isinstance(item, dict) for item in held)):
                return (
                    f'{field} is a list; set the whole list, such as '
                    f'{field}=[{",".join(map(str, held))}]'
                )
            if not (after.isdigit() and int(after) < len(held)):
                return (
                    f'{field} is a list of {len(held)}; expected a number from 0 '
                    f'to {len(held) - 1} after it, not {after}'
                )
        elif not isinstance(held, dict):
            return f'{field} is {held!r}, which has no settings'
    return ''


def _depth(cfg: Config, keys: list[str]) -> int:
    """Return how many leading keys of a dotted setting a config has."""
    for depth, key in enumerate(keys):
        held = setting_at(cfg, '.'.join(keys[:depth])) if depth else cfg
        if isinstance(held, (list, tuple)):
            held = dict.fromkeys(map(str, range(len(held))))
        if not isinstance(held, (dict, Config)) or key not in held:
            return depth
    return len(keys)


def _where_set(cfg: Config, field: str) -> str:
    """Return the place of a stage's setting: the top level, if inherited from there."""
    keys = field.split('.')
    if keys[:2] != ['train_cfg', 'stages'] or len(keys) < 4:
        return field
    own, rest = _depth(cfg, keys), keys[3:]
    if rest[:2] == ['detections', 'dataloader']:
        rest = ['train_dataloader', *rest[2:]]
    inherited = own < len(keys) and len(rest) - _depth(cfg, rest) < len(keys) - own
    return '.'.join(rest) if inherited else field


def _refuse(
    path: str, cfg: Config, wrong: Iterable[tuple[str, str]], options: dict[str, Any]
) -> None:
    """Raise for the first pair of setting and fault."""
    # a typo is found in every stage that inherits it
    found = list(
        {_where_set(cfg, field): what for field, what in reversed(list(wrong))}.items()
    )[::-1]
    if found:
        field, what = found[0]
        # an option may create its own parent
        given = any(
            f'{field}.'.startswith(f'{key}.') or key.startswith(f'{field}.')
            for key in options
        )
        more = f' (and {len(found) - 1} more such settings)' if found[1:] else ''
        raise ConfigError(
            f'{"--cfg-options " if given else f"{path}: "}{field}: {what}{more}'
        )
