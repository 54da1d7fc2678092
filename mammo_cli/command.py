"""What a command is, and how one is run: its arguments first, then the package."""

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .arguments import read_options
from .errors import refuse
from .light import light


def show(text: str) -> None:
    """Print a text, of which the reader of a pipe may want the beginning alone."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fine(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Accept arguments."""


@dataclass(frozen=True)
class Command:
    """A command of ``mammo``, and the script of ``tools/`` that is the same.

    Attributes:
        tool (str): The script, relative to the repository; '' if there is none.
        description (str): What ``--help`` begins with.
        example (str): What it ends with: command lines, ``{command}`` for the name.
        add_arguments (callable): Adds its arguments to a parser.
        run (callable): Does it; gets the arguments, with ``parser`` and ``words``, and
            may return an exit status. It imports ``mammo_plugins``, which takes seconds.
        check (callable): Ends with ``parser.error`` what the parser cannot refuse, and
            may complete the arguments. Defaults to accepting all.
        configs (tuple[str]): Arguments that name configs; of a list its first item, of
            'configs' all. Defaults to ('config', ).
        before_example (str): What ``--help`` has above the example.
    """

    tool: str
    description: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], None] = _fine
    configs: tuple[str, ...] = ('config',)
    before_example: str = ''

    def parser(self, typed: str, prog: str | None = None) -> argparse.ArgumentParser:
        """Return the parser of its arguments.

        Args:
            typed (str): What a user types in front of the arguments, for the example.
            prog (str, optional): What usage and errors call it. Defaults to the file
                that was run.
        """
        example = self.example.replace('{command}', typed)
        width = shutil.get_terminal_size().columns - 2  # as argparse has it
        parser = argparse.ArgumentParser(
            prog,
            description='\n'.join(
                textwrap.fill(line, width) for line in self.description.splitlines()
            ),
            epilog=f'{self.before_example}example:\n  {example}',
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.color = False  # of Python 3.14's help, which would be escaped
        self.add_arguments(parser)
        return parser

    def start(self, words: Sequence[str], typed: str, prog: str | None = None) -> None:
        """Run it.

        Args:
            words (Sequence[str]): The arguments.
            typed (str), prog (str, optional): As of :meth:`parser`.

        Raises:
            SystemExit: Unless all went well.
        """
        with light('stopping').ended_at_once():
            with light('printable').printable_output():
                parser = self.parser(typed, prog)
                args = parser.parse_args(words)
                self.check(parser, args)
                self._find_configs(args)
                args.parser, args.words = parser, words
            if getattr(args, 'cfg_options', None):
                read_options(parser, args)
            status = self.run(args)
        if status:
            sys.exit(status)

    def _find_configs(self, args: argparse.Namespace) -> None:
        """Put paths in the place of shipped configs' names; refuse what is not there."""
        for name in self.configs:
            value = getattr(args, name, None)
            if isinstance(value, str):
                setattr(args, name, _found(value))
            elif name == 'configs':
                value[:] = map(_found, value)
            elif value and isinstance(value[0], str):
                value[0] = _found(value[0])
            else:  # an option that was given several times
                for each in value or ():
                    each[0] = _found(each[0])


def _found(config: str) -> str:
    shipped = light('shipped')
    try:
        missing = shipped.no_such_config(config)
    except FileNotFoundError as error:  # an installation without configs
        refuse(str(error))
    # which row of an ablation it has become takes reading that
    if missing and not shipped.may_be_a_row(config):
        refuse(missing)
    return (
        str(shipped.config_path(config))
        if config.startswith(shipped.PREFIX)
        else config
    )
