"""The common command line of all converters."""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from . import known
from .arguments import add_limit_argument, finite
from .command import Command

if TYPE_CHECKING:
    from mammo_plugins.converters import Converter, Split


def _none(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


@dataclass(frozen=True)
class DataSet:
    """Command line of a data set that can be converted.

    Attributes:
        converter (str): Module and class in ``mammo_plugins.converters``.
        description (str): One-line description of the command.
        example (str): Command line, with ``{command}`` for the name.
        official_split (bool), ratios (dict[str, float]): Those of the converter.
        add_arguments (callable): Adds options that only this data set has.
    """

    converter: str
    description: str
    example: str
    official_split: bool = False
    ratios: dict[str, float] | None = None
    add_arguments: Callable[[argparse.ArgumentParser], None] = _none

    @property
    def default_split(self) -> str:
        """str: How the patients are split by default."""
        return 'official' if self.official_split else 'ratio'

    def make(self) -> 'Converter':
        """Return its converter."""
        module, _, name = self.converter.partition('.')
        return getattr(import_module(f'mammo_plugins.converters.{module}'), name)()

    def command(self) -> Command:
        """Return the command that converts it."""
        tool = self.converter.partition('.')[0]
        return Command(
            f'tools/dataset_converters/{tool}.py',
            self.description + ' Writes OUT/annotations, OUT/summary.md with '
            'counts to compare with the paper of the data set, and OUT/skipped.csv. '
            'Pixels go to the cache, cropped, in 16 bits. The raw folder is only read; '
            'keep it. Run the same command to resume.',
            self.example,
            self._add_arguments,
            lambda args: run(self.make(), args),
            self._check,
        )

    def _add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'raw',
            type=Path,
            metavar='RAW_DIR',
            help='folder of the downloaded data set',
        )
        parser.add_argument(
            '--out',
            type=Path,
            required=True,
            metavar='DIR',
            help='data root to write, such as data/inbreast',
        )
        parser.add_argument(
            '--cache-dir',
            type=Path,
            default=Path('data/pixel_cache'),
            metavar='DIR',
            help='pixel cache, the same as in the configs (default: %(default)s)',
        )
        parser.add_argument(
            '--workers',
            type=int,
            default=os.cpu_count() or 1,
            metavar='N',
            help='number of processes (default: all cores)',
        )
        parser.add_argument(
            '--limit', type=int, metavar='N', help='convert only the first N exams'
        )
        parser.add_argument(
            '--split',
            choices=known.SPLITS if self.official_split else known.SPLITS[1:],
            help=f'how to split the patients (default: {self.default_split})',
        )
        parser.add_argument(
            '--ratios',
            type=finite,
            nargs=3,
            default=[*(self.ratios or known.RATIOS).values()],
            metavar=('TRAIN', 'VAL', 'TEST'),
            help='shares for --split ratio (default: %(default)s)',
        )
        if self.official_split:
            parser.add_argument(
                '--val-share',
                type=finite,
                default=0.1,
                metavar='P',
                help='share of the official training patients moved to val, if '
                'the official split has none (default: %(default)s)',
            )
        parser.add_argument(
            '--folds',
            type=int,
            default=5,
            metavar='K',
            help='folds for --split kfold, written to annotations/fold_1, ... '
            '(default: %(default)s)',
        )
        parser.add_argument(
            '--val-folds',
            type=int,
            default=0,
            metavar='N',
            help='number of further folds used for validation; 2 of 10 folds '
            'give 7:2:1 (default: %(default)s)',
        )
        parser.add_argument(
            '--seed',
            type=int,
            default=0,
            metavar='S',
            help='seed of the split (default: %(default)s)',
        )
        add_limit_argument(parser)
        self.add_arguments(parser)

    @staticmethod
    def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
        out = args.out.resolve()
        if args.raw.resolve() in (out, *out.parents):
            parser.error(
                f'--out {args.out} is in {args.raw}: the raw folder would hold '
                'a link to itself; choose a folder beside it'
            )
        for name in ('workers', 'limit'):
            value = getattr(args, name)
            if value is not None and value < 1:
                parser.error(f'--{name}: expected at least 1, got {value}')
        if min(args.ratios) < 0 or abs(sum(args.ratios) - 1) > 1e-6:
            parser.error(
                '--ratios: shares must be >= 0 and sum to 1, got '
                f'{" ".join(map(str, args.ratios))}'
            )
        val_share = getattr(args, 'val_share', 0.0)
        if not 0 <= val_share < 1:
            parser.error(f'--val-share: expected 0 to below 1, got {val_share}')
        if not 0 <= args.val_folds <= args.folds - 2:
            parser.error(
                f'--val-folds {args.val_folds}: expected 0 to '
                f'{args.folds - 2}, so that one fold is left to train on'
            )


def _split(args: argparse.Namespace, converter: 'Converter') -> 'Split':
    from mammo_plugins.converters import Split

    # known only after its options are parsed
    default = 'official' if converter.official_split else 'ratio'
    return Split(
        args.split or default,
        dict(zip(('train', 'val', 'test'), args.ratios)),
        getattr(args, 'val_share', 0.0),
        args.folds,
        args.seed,
        args.val_folds,
    )


def _found(summary: Path) -> str:
    """Return a description of the files that an earlier conversion has left."""
    from mammo_plugins.io import JsonError, read_json
    from mammo_plugins.printable import number_of

    try:
        made = read_json(summary)
        views = sum(part['views'] for part in made['parts'].values())
        parts = number_of(len(made['parts']), 'part')
        return f'{parts} of {made["dataset"]}, {number_of(views, "view")}'
    except (OSError, JsonError, TypeError, KeyError, AttributeError):
        return 'parts of an earlier conversion, whose summary.json is damaged'


def run(converter: 'Converter', args: argparse.Namespace) -> None:
    """Convert a data set.

    Args:
        converter (Converter): Converter of the data set.
        args (Namespace): Arguments of its command.
    """
    from tqdm import tqdm

    from mammo_plugins.converters import ConversionError, convert
    from mammo_plugins.converters.summary import render
    from mammo_plugins.io import file_error
    from mammo_plugins.printable import printable_output
    from mammo_plugins.stopping import stoppable

    def progress(items, total):
        return tqdm(items, total=total, desc='views', unit='view', smoothing=0)

    summary = args.out.resolve() / 'summary.json'
    try:
        with printable_output():
            converter.configure(args)
            split = _split(args, converter)
            if summary.is_file():
                print(
                    f'{args.out}: holds {_found(summary)}; their annotation files '
                    'are replaced when the new ones are ready'
                )
            with stoppable(
                f'{args.out}: interrupted; the same command resumes from here'
            ):
                made = convert(
                    converter,
                    args.raw,
                    args.out,
                    split,
                    args.cache_dir,
                    args.workers,
                    args.limit,
                    progress,
                )
            print(render(made))
            print(f'written: {args.out}/annotations, {args.out}/summary.md')
    except (ConversionError, OSError) as error:
        with printable_output():
            args.parser.error(file_error(error) or str(error))
