"""Shipped configs and their locations.

Only Python's standard library is needed, so that a misspelt name is reported at once.
"""

import difflib
import re
import shlex
from pathlib import Path
from typing import NamedTuple

PREFIX = 'mammo_plugins::'
PACKAGE = Path(__file__).resolve().parent
PHANTOMS = {
    'phantom': '--exams 100 --size 256 128',
    'phantom_breasts': '--exams 800 --size 256 128 --density A B --prevalence 0.3 '
    '--split 0.6 0 0.4',
    'phantom_pairs': '--exams 450 --size 256 128 --density A --prevalence 0.6 '
    '--split 0.667 0 0.333',
    'phantom_bank': '--exams 60 --size 256 128 --density A --prevalence 1 '
    '--split 1 0 0 --seed 1000',
    'phantom_cem': '--exams 900 --size 128 64 --density A --prevalence 1 '
    '--lesion-diameter 16 25 --cem',
    'phantom_ffdm': '--exams 900 --size 128 64 --density A --prevalence 1 '
    '--lesion-diameter 16 25',
    'phantom_masses': '--exams 240 --size 256 128 --prevalence 0.4 --split 0.4 0 0.6',
}
"""Arguments of ``mammo phantom`` for each phantom that shipped configs read, by name of
its folder below ``data``."""


class ShippedConfig(NamedTuple):
    """A shipped config.

    Attributes:
        name (str): Path below the config folder, such as 'divf/average_r18_cmmd.py'.
        summary (str): One-line description.
    """

    name: str
    summary: str


def repository() -> Path | None:
    """Return the folder of the repository, or ``None`` for an installed package."""
    return (
        PACKAGE.parent
        if (PACKAGE.parent / 'configs/mamminet_v2.py').is_file()
        else (None)
    )


def config_root() -> Path:
    """Return the config folder: in the repository, or inside an installed package.

    Raises:
        FileNotFoundError: If the package was installed without configs.
    """
    folder = (repository() or PACKAGE / '.mim') / 'configs'
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder}: no such folder; install mammo_plugins anew, or get a complete '
            'copy of the repository'
        )
    return folder


def config_path(path: str) -> Path:
    """Return the file of a config.

    Args:
        path (str): A path, or 'mammo_plugins::' and a name below the config folder,
            with or without '.py'. The file need not exist.
    """
    if not path.startswith(PREFIX):
        return Path(path)
    name = path[len(PREFIX) :]
    return config_root() / (name if name.endswith('.py') else f'{name}.py')


def no_such_config(path: str) -> str | None:
    """Return the error message for a missing config, or ``None`` if it exists.

    Args:
        path (str): As in :func:`config_path`.
    """
    if config_path(path).is_file():
        return None
    if path.startswith(PREFIX):
        # compare names without the prefix, which all of them share
        known = {each.name: f'{PREFIX}{each.name}' for each in shipped_configs()}
        near = _near(path[len(PREFIX) :], known)
    else:
        known = {
            str(each): str(each)
            for each in Path('configs').rglob('*.py')
            if '_base_' not in each.parts
        } or {  # outside the repository
            f'configs/{each.name}': f'{PREFIX}{each.name}' for each in shipped_configs()
        }
        near = _near(path, known)
    return f'{path}: no such config{near or "; mammo config lists the shipped ones"}'


def maker_of(path: str | Path) -> str:
    """Return what makes a missing annotation file, to follow 'make it with'.

    Args:
        path (str | Path): The file.
    """
    for folder in Path(path).parents:
        if folder.name in PHANTOMS:
            out = shlex.quote(str(folder))
            return f'mammo phantom {PHANTOMS[folder.name]} --out {out}'
    return 'mammo convert or as docs/how_to/own_data.md describes'


def may_be_a_row(path: str) -> bool:
    """Return whether a missing config may have become a row of an ablation."""
    file = Path(path)
    return 'phantom' in file.name and file.with_name('ablation.py').is_file()


def _near(path: str, known: dict[str, str]) -> str:
    near = difflib.get_close_matches(path, known, n=3, cutoff=0.4)
    return (
        f'; did you mean {" or ".join(known[each] for each in near)}?' if near else ''
    )


def shipped_configs() -> list[ShippedConfig]:
    """Return all configs except the base configs that others inherit."""
    root = config_root()
    return [
        ShippedConfig(path.relative_to(root).as_posix(), _summary(path))
        for path in sorted(root.rglob('*.py'))
        if '_base_' not in path.relative_to(root).parts
    ]


def papers() -> dict[str, str]:
    """Return the method and paper of each config folder, by folder."""
    found = {}
    for path in sorted(config_root().glob('*/metafile.yml')):
        text = path.read_text(encoding='utf-8')
        name, title = (
            re.search(f'{key}: *(.*)', text)[1].strip('\'" ')
            for key in ('Name', 'Title')
        )
        found[path.parent.name] = title if name in title else f'{name}: {title}'
    return found


def _summary(path: Path) -> str:
    """Return the first sentence of the comment at the top of a config."""
    # the comment ends at an indented command
    comment = re.match(r'(?:#(?! {5}).*\n)*', path.read_text(encoding='utf-8'))[0]
    said = ' '.join(line.lstrip('# ') for line in comment.splitlines())
    return re.split(r'\.(?= [A-Z]|$)', said)[0].rstrip(':,')
