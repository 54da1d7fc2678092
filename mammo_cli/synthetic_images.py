"""Common options and output of the commands that create synthetic images."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_config_arguments, add_device

if TYPE_CHECKING:
    from mammo_plugins.visualization.synthesis import Panel


def add_synthesis_arguments(
    arguments: argparse.ArgumentParser, count: str, preview: str
) -> None:
    """Add the options that all synthesis commands share.

    Args:
        arguments (argparse.ArgumentParser): Parser to add them to.
        count (str): Help of ``--count``.
        preview (str): Description of a preview.
    """
    arguments.add_argument(
        '--out', required=True, metavar='DIR', help='data root to write'
    )
    arguments.add_argument('--count', type=int, metavar='N', help=count)
    arguments.add_argument(
        '--seed', type=int, default=0, help='seed of all choices (default: 0)'
    )
    arguments.add_argument(
        '--preview',
        type=int,
        metavar='N',
        help=f'write N cases to OUT/preview.png and stop: {preview}',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def check_synthesis_arguments(
    arguments: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End the command with a message if one of these options is out of range."""
    if args.count is not None and args.count < 1:
        arguments.error(f'--count {args.count}: expected at least 1')
    if args.seed < 0:
        arguments.error(f'--seed {args.seed}: expected 0 or more')
    if args.preview is not None and args.preview < 1:
        arguments.error(f'--preview {args.preview}: expected at least 1')


def write_preview(rows: Sequence[Sequence['Panel']], ann_file: str, out: Path) -> None:
    """Draw ``OUT/preview.png`` and report it.

    Args:
        rows (Sequence[Sequence[Panel]]): Rows for
            :func:`~mammo_plugins.visualization.synthesis.plot_panels`.
        ann_file (str): Annotation file, to name the data in the error.
        out (Path): The folder.

    Raises:
        AnnotationError: If there is no row.
    """
    from mammo_plugins.structures import AnnotationError
    from mammo_plugins.visualization.synthesis import plot_panels

    if not rows:
        raise AnnotationError(f'{ann_file}: no lesion found a place')
    plot_panels(rows, out / 'preview.png')
    print(f'preview: {out / "preview.png"}')


def report(counts: Counter, out: Path) -> None:
    """Report what was written.

    Args:
        counts (Counter): Numbers by kind.
        out (Path): The folder.
    """
    print(', '.join(f'{count} {what}' for what, count in counts.items()))
    print(f'annotations: {out / "annotations/train.json"}')
