"""Definition of a command, which checks its arguments before it imports the package."""

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


def _discard_output() -> None:
    """Let nothing more be written to a pipe whose reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(text: str) -> None:
    """Print a text; the reader of a pipe may close it early."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _discard_output()


def _fine(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Accept all arguments."""


@dataclass(frozen=True)
class Command:
    """A command of ``mammo``, with its script in ``tools/``.

    Attributes:
        tool (str): The script, relative to the repository; '' if there is none.
        description (str): Text at the start of ``--help``.
        example (str): Text at its end: command lines, with ``{command}`` for the name.
        add_arguments (callable): Adds its arguments to a parser.
        run (callable): Runs the command. It gets the arguments, with ``parser`` and
            ``words``, and may return an exit status. It imports ``mammo_plugins``, which
            takes seconds.
        check (callable): Calls ``parser.error`` for values that the parser cannot
            refuse, and may complete the arguments. Defaults to accepting all.
        configs (tuple[str]): Arguments that name configs. Of a list, the first item
            counts; of 'configs', all items. Defaults to ('config', ).
        before_example (str): Text above the example in ``--help``.
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
            typed (str): What the user types before the arguments, for the example.
            prog (str, optional): Name of the program in usage and errors. Defaults to
                the file that was run.
        """
        example = self.example.replace('{command}', typed)
        width = shutil.get_terminal_size().columns - 2  # like argparse
        parser = argparse.ArgumentParser(
            prog,
            description='\n'.join(
                textwrap.fill(line, width) for line in self.description.splitlines()
            ),
            epilog=f'{self.before_example}example:\n  {example}',
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.color = False  # colours of help in Python 3.14 would be escaped
        self.add_arguments(parser)
        return parser

    def start(self, words: Sequence[str], typed: str, prog: str | None = None) -> None:
        """Run the command.

        Args:
            words (Sequence[str]): The arguments.
            typed (str), prog (str, optional): As in :meth:`parser`.

        Raises:
            SystemExit: Unless the command succeeds.
        """
        with light('stopping').ended_at_once():
            with light('printable').printable_output():
                parser = self.parser(typed, prog)
                try:
                    args = parser.parse_args(words)
                except BrokenPipeError:  # of Python 3.10's help
                    _discard_output()
                    sys.exit()
                self.check(parser, args)
                self._find_configs(args)
                args.parser, args.words = parser, words
            if getattr(args, 'cfg_options', None):
                read_options(parser, args)
            status = self.run(args)
        if status:
            sys.exit(status)

    def _find_configs(self, args: argparse.Namespace) -> None:
        """Replace names of shipped configs by paths; refuse missing configs."""
        for name in self.configs:
            value = getattr(args, name, None)
            if isinstance(value, str):
                setattr(args, name, _found(value))
            elif name == 'configs':
                value[:] = map(_found, value)
            elif value and isinstance(value[0], str):
                value[0] = _found(value[0])
            else:  # an option given several times
                for each in value or ():
                    each[0] = _found(each[0])


def _found(config: str) -> str:
    shipped = light('shipped')
    try:
        missing = shipped.no_such_config(config)
    except FileNotFoundError as error:  # an installation without configs
        refuse(str(error))
    # finding the row of an ablation that it has become requires reading the ablation
    if missing and not shipped.may_be_a_row(config):
        refuse(missing)
    return (
        str(shipped.config_path(config))
        if config.startswith(shipped.PREFIX)
        else config
    )
