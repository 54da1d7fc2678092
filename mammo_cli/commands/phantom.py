"""Create the phantom data set: simulated four-view mammography exams."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_cli import known
from mammo_cli.arguments import finite
from mammo_cli.command import Command

if TYPE_CHECKING:
    from mammo_plugins.phantom import PhantomDatasetConfig


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    default = known.PHANTOM
    arguments.add_argument(
        '--exams',
        type=int,
        required=True,
        metavar='N',
        help='number of exams, each of a different patient',
    )
    arguments.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='S',
        help='random seed (default: %(default)s)',
    )
    arguments.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='data root to write'
    )
    arguments.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=default['size'],
        metavar=('H', 'W'),
        help=f'image size in pixels (default: {default["size"]})',
    )
    arguments.add_argument(
        '--density',
        nargs='+',
        choices=known.DENSITIES,
        default=default['density'],
        help='BI-RADS densities to draw from; repeat a letter to draw it more '
        f'often (default: {" ".join(default["density"])})',
    )
    arguments.add_argument(
        '--prevalence',
        type=finite,
        default=default['prevalence'],
        metavar='P',
        help='share of exams with a lesion (default: %(default)s)',
    )
    arguments.add_argument(
        '--lesion-diameter',
        type=finite,
        nargs=2,
        default=default['lesion_diameter_mm'],
        metavar=('MIN', 'MAX'),
        help='diameter of lesion cores in mm (default: %(default)s)',
    )
    arguments.add_argument(
        '--missing-views',
        type=finite,
        default=0.0,
        metavar='P',
        help='probability that a view is missing (default: %(default)s)',
    )
    arguments.add_argument(
        '--split',
        type=finite,
        nargs=3,
        default=(0.75, 0.0, 0.25),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the exams (default: 0.75 0 0.25)',
    )
    arguments.add_argument(
        '--cem',
        action='store_true',
        help='contrast-enhanced exams: a low-energy and a recombined image '
        'for each view instead of one mammogram',
    )
    arguments.add_argument(
        '--workers',
        type=int,
        default=1,
        metavar='W',
        help='number of processes (default: %(default)s)',
    )
    arguments.add_argument(
        '--preview',
        action='store_true',
        help='also write OUT/preview.png, a contact sheet',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values."""
    for name, low in (('exams', 1), ('seed', 0), ('workers', 1)):
        if getattr(args, name) < low:
            parser.error(
                f'--{name}: expected at least {low}, got {getattr(args, name)}'
            )
    if not 0 <= args.missing_views < 1:
        parser.error(
            '--missing-views: expected a chance from 0 to below 1, '
            f'got {args.missing_views}'
        )
    if not 0 < args.lesion_diameter[0] <= args.lesion_diameter[1]:
        parser.error(
            '--lesion-diameter: expected two lengths above 0, the smaller '
            f'first, got {" ".join(map(str, args.lesion_diameter))}'
        )
    if min(args.split) < 0 or abs(sum(args.split) - 1) > 1e-6:
        parser.error(
            f'--split: shares must be >= 0 and sum to 1, got '
            f'{" ".join(map(str, args.split))}'
        )


def config_of(args: argparse.Namespace) -> 'PhantomDatasetConfig':
    """Return the data set's config from the arguments."""
    from mammo_plugins.phantom import PhantomConfig, PhantomDatasetConfig

    try:
        phantom = replace(
            PhantomConfig(),
            size=tuple(args.size),
            density=tuple(args.density),
            prevalence=args.prevalence,
            lesion_diameter_mm=tuple(args.lesion_diameter),
            cem=args.cem,
        )
    except ValueError as error:
        args.parser.error(str(error))
    return PhantomDatasetConfig(
        args.exams, args.seed, tuple(args.split), args.missing_views, phantom
    )


def run(args: argparse.Namespace) -> None:
    """Create the data set."""
    from tqdm import tqdm

    from mammo_plugins.io import file_error
    from mammo_plugins.phantom import PhantomFolderError, write_phantom_dataset
    from mammo_plugins.phantom.dataset import SPLITS, split_numbers
    from mammo_plugins.phantom.preview import write_preview
    from mammo_plugins.printable import number_of
    from mammo_plugins.stopping import stoppable
    from mammo_plugins.structures import empty_parts

    config = config_of(args)

    for said in empty_parts(dict(zip(SPLITS, config.split)), split_numbers(config)):
        print(f'warning: --split: {said}', file=sys.stderr)

    def progress(items, total):
        return tqdm(items, total=total, desc='exams', unit='exam')

    try:
        with stoppable(f'{args.out}: interrupted; the same command resumes from here'):
            made = write_phantom_dataset(args.out, config, args.workers, progress)
    except (PhantomFolderError, OSError) as error:
        args.parser.error(file_error(error) or str(error))
    print(
        f'{args.out}: {number_of(config.exams, "exam")} '
        f'{"written" if made else "are there already; nothing to do"}'
    )
    if args.preview:
        print(f'contact sheet: {write_preview(args.out)}')


COMMAND = Command(
    'tools/dataset_converters/phantom.py',
    'Create the phantom data set: simulated four-view mammography exams. Writes '
    'OUT/dicom, OUT/truth (lesion-free images and all facts) and '
    'OUT/annotations. The same parameters give the same bytes. A finished data '
    'set is left unchanged, and an interrupted one is resumed.',
    '{command} --exams 100 --size 256 128 --out data/phantom --preview\n',
    add_arguments,
    run,
    check,
)
