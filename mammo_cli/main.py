"""The commands, grouped by purpose, and the lookup of a command by name."""

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from .command import Command, show
from .errors import refuse
from .light import light

GROUPS = {
    'data': (
        'convert',
        'phantom',
        'verify',
        'browse',
        'count-classes',
        'nipples',
        'lesion-bank',
    ),
    'training and evaluation': (
        'config',
        'train',
        'test',
        'calibrate',
        'compare',
        'subgroups',
        'cross-validate',
        'ablate',
    ),
    'use': ('index', 'infer', 'merge', 'export', 'report'),
    'synthetic images': (
        'saliency',
        'synthesize',
        'blend',
        'naturalness',
        'gradient-ratios',
    ),
    'figures': ('plot-froc', 'pair-panels', 'cam-ceiling', 'phantom-false-positives'),
    'speed and memory': (
        'benchmark',
        'benchmark-archive',
        'benchmark-data',
        'benchmark-training',
        'benchmark-machine',
        'benchmark-region-selection',
        'full-size-forward',
    ),
    'this machine': ('doctor', 'wheelhouse', 'demo'),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
EXAMPLE = (
    'mammo phantom --exams 100 --size 256 128 --out data/phantom',
    'mammo train mammo_plugins::baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
)


def module_of(name: str) -> ModuleType:
    """Return the module of a command, or of a group of commands such as ``convert``."""
    return import_module(f'mammo_cli.commands.{name.replace("-", "_")}')


def every_command() -> dict[str, Command]:
    """Return all commands by name, such as 'convert rsna'."""
    found = {}
    for name in NAMES:
        module = module_of(name)
        found.update(
            {f'{name} {inner}': one for inner, one in module.COMMANDS.items()}
            if hasattr(module, 'COMMANDS')
            else {name: module.COMMAND}
        )
    return found


def find(words: Sequence[str]) -> tuple[Command, str, list[str]]:
    """Return the command at the start of the words, its name, and the other words.

    Raises:
        SystemExit: If there is no such command, or help is requested.
    """
    name, *rest = words or ['']
    if name.startswith('tools/'):  # the form used by ablations and their preparation
        name, *rest = [
            *next(
                (
                    known.split()
                    for known, one in every_command().items()
                    if one.tool == name
                ),
                [name],
            ),
            *rest,
        ]
    if name not in NAMES:
        _no_command('mammo', name, NAMES, _overview)
    module = module_of(name)
    if not hasattr(module, 'COMMANDS'):
        return module.COMMAND, name, rest
    inner, *rest = rest or ['']
    if inner not in module.COMMANDS:
        _no_command(
            f'mammo {name}', inner, module.COMMANDS, module.overview, module.KIND
        )
    return module.COMMANDS[inner], f'{name} {inner}', rest


def _no_command(
    typed: str,
    word: str,
    known: Iterable[str],
    overview: Callable[[], str],
    kind: str = 'command',
) -> NoReturn:
    """Print help, or the error for a word that is not a command."""
    if word in ('-h', '--help'):
        show(overview())
        sys.exit()
    if (typed, word) == ('mammo', '--version'):
        print(light('version').__version__)
        sys.exit()
    if not word:
        print(overview(), file=sys.stderr)
        sys.exit(2)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    said = (
        f'did you mean {" or ".join(near)}?'
        if near
        else f'{typed} --help lists the {kind}s'
    )
    refuse(f'{typed} {word}: no such {kind}; {said}')


def _overview() -> str:
    width = max(map(len, NAMES))
    example = ''.join(f'\n  {line}' for line in EXAMPLE)
    groups = ''.join(
        f'\n{title}:\n'
        + ''.join(
            f'  {name:<{width}}  {first_line(module_of(name))}\n' for name in names
        )
        for title, names in GROUPS.items()
    )
    return (
        f'usage: mammo COMMAND [arguments]\n       mammo --version\n{groups}\n'
        'mammo COMMAND --help lists the arguments. Research use only; not for '
        f'diagnosis.\n\nexample:{example}'
    )


def first_line(module: ModuleType) -> str:
    """Return the one-line description of a command."""
    return module.__doc__.splitlines()[0]


def main(words: Sequence[str] | None = None) -> None:
    """Run ``mammo``.

    Args:
        words (Sequence[str], optional): Arguments. Defaults to those of the process.

    Raises:
        SystemExit: Unless the command succeeds.
    """
    if '_ARGCOMPLETE' in os.environ:
        _complete()
    with light('printable').printable_output():
        one, name, rest = find(sys.argv[1:] if words is None else words)
    one.start(rest, f'mammo {name}', f'mammo {name}')


def tool(name: str) -> None:
    """Run the command of a script in ``tools/``.

    Args:
        name (str): As in :func:`every_command`.
    """
    one, _, _ = find(name.split())
    one.start(sys.argv[1:], f'python {one.tool}')


def _complete() -> None:
    """Answer a shell's request for completion, if argcomplete is installed."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(whole_parser())


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser for all commands."""
    parser = argparse.ArgumentParser('mammo')
    inner = {'': parser.add_subparsers()}
    for name, one in every_command().items():
        family, _, last = name.rpartition(' ')
        if family not in inner:
            inner[family] = inner[''].add_parser(family).add_subparsers()
        one.add_arguments(inner[family].add_parser(last))
    return parser
