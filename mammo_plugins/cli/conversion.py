"""The command line that all converters share."""
import argparse
import os
from pathlib import Path

from tqdm import tqdm

from mammo_plugins.converters import ConversionError, Converter, Split, convert
from mammo_plugins.converters.parts import SPLITS
from mammo_plugins.converters.summary import render
from mammo_plugins.io import JsonError, add_limit_argument, file_error, read_json
from mammo_plugins.printable import printable_output
from mammo_plugins.stopping import stoppable


def _parser(converter: Converter, description: str,
            example: str) -> argparse.ArgumentParser:
    shares = converter.ratios
    parser = argparse.ArgumentParser(
        description=description + ' Writes OUT/annotations, OUT/summary.md with '
        'counts to hold against the paper of the data set, and OUT/skipped.csv; '
        'pixels go to the cache, cropped, in 16 bits. The raw folder is only read, '
        'and has to stay. The same command goes on after an interruption.',
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('raw', type=Path, metavar='RAW_DIR',
        help='folder of the data set as downloaded')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
        help='data root to write, such as data/inbreast')
    parser.add_argument('--cache-dir', type=Path, default=Path('data/pixel_cache'),
        metavar='DIR',
        help='pixel cache, the same as in the configs (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1,
        metavar='N', help='processes (default: all cores)')
    parser.add_argument('--limit', type=int, metavar='N',
        help='only the first N exams')
    parser.add_argument('--split',
        choices=SPLITS if converter.official_split else SPLITS[1:],
        help=f'how to part the patients (default: {_default_split(converter)})')
    parser.add_argument('--ratios', type=float, nargs=3,
        default=[shares[part] for part in ('train', 'val', 'test')],
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares for --split ratio (default: %(default)s)')
    if converter.official_split:
        parser.add_argument('--val-share', type=float, default=0.1, metavar='P',
            help='share of the official training patients that becomes val, where '
            'the official split has none (default: %(default)s)')
    parser.add_argument('--folds', type=int, default=5, metavar='K',
        help='folds for --split kfold, written to annotations/fold_1, ... '
        '(default: %(default)s)')
    parser.add_argument('--val-folds', type=int, default=0, metavar='N',
        help='folds after the one held out that validate; 2 of 10 folds are 7:2:1 '
        '(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, metavar='S',
        help='seed of the split (default: %(default)s)')
    add_limit_argument(parser)
    converter.add_arguments(parser)
    return parser


def _default_split(converter: Converter) -> str:
    return 'official' if converter.official_split else 'ratio'


def _split(parser: argparse.ArgumentParser, args: argparse.Namespace,
           converter: Converter) -> Split:
    for name in ('workers', 'limit'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name}: expected at least 1, got {value}')
    if min(args.ratios) < 0 or abs(sum(args.ratios) - 1) > 1e-6:
        parser.error('--ratios: shares must be >= 0 and sum to 1, got '
                     f'{" ".join(map(str, args.ratios))}')
    val_share = getattr(args, 'val_share', 0.)
    if not 0 <= val_share < 1:
        parser.error(f'--val-share: expected 0 to below 1, got {val_share}')
    if not 0 <= args.val_folds <= args.folds - 2:
        parser.error(f'--val-folds {args.val_folds}: expected 0 to {args.folds - 2}, '
                     'so that one fold is left to train on')
    return Split(args.split or _default_split(converter),
                 dict(zip(('train', 'val', 'test'), args.ratios)), val_share,
                 args.folds, args.seed, args.val_folds)


def _found(summary: Path) -> str:
    """Say what an earlier conversion has left."""
    try:
        made = read_json(summary)
        views = sum(part['views'] for part in made['parts'].values())
        return f'{len(made["parts"])} parts of {made["dataset"]}, {views} views'
    except (OSError, JsonError, TypeError, KeyError, AttributeError):
        return 'parts of an earlier conversion, whose summary.json is damaged'


def main(converter: Converter, description: str, example: str) -> None:
    """Run a converter's command.

    Args:
        converter (Converter): Of the data set.
        description (str), example (str): For ``--help``.
    """
    with printable_output():
        _main(converter, _parser(converter, description, example))


def _main(converter: Converter, parser: argparse.ArgumentParser) -> None:
    args = parser.parse_args()
    out = args.out.resolve()
    if args.raw.resolve() in (out, *out.parents):
        parser.error(f'--out {args.out} is in {args.raw}: the raw folder would hold a '
                     'link to itself; choose a folder beside it')
    try:
        converter.configure(args)
    except ConversionError as error:
        parser.error(str(error))
    split = _split(parser, args, converter)

    if (out / 'summary.json').is_file():
        print(f'{args.out}: holds {_found(out / "summary.json")}; their annotation files '
              'are replaced when the new ones are ready')

    def progress(items, total):
        return tqdm(items, total=total, desc='views', unit='view', smoothing=0)

    try:
        with stoppable(f'{args.out}: interrupted; the same command goes on from here'):
            summary = convert(converter, args.raw, args.out, split, args.cache_dir,
                              args.workers, args.limit, progress)
    except (ConversionError, OSError) as error:
        parser.error(file_error(error) or str(error))
    print(render(summary))
    print(f'written: {args.out}/annotations, {args.out}/summary.md')
