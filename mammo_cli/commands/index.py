"""List the exams of an archive by their headers, for inference in parts."""

import argparse

from mammo_cli.arguments import add_limit_argument
from mammo_cli.command import Command
from mammo_cli.errors import refuse, refuse_folder, user_errors
from mammo_cli.left_out import counted_by_kind
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'path',
        nargs='+',
        help='folders, files, a DICOMDIR, or a .txt file with one path per line '
        '(relative to the folder of the .txt)',
    )
    arguments.add_argument(
        '--out', required=True, help='index file to write, such as exams.jsonl'
    )
    arguments.add_argument(
        '--modality',
        nargs='+',
        choices=['FFDM', 'CEM-LE', 'CEM-HE', 'CEM-RC'],
        default=['FFDM'],
        help="modality of the images to use, as in the config's dataset "
        '(default: FFDM)',
    )
    add_group_by(arguments)
    arguments.add_argument(
        '--workers',
        type=int,
        default=4,
        help='number of processes that read headers (default: %(default)s)',
    )
    add_limit_argument(arguments)


def add_group_by(arguments: argparse.ArgumentParser) -> None:
    """Add ``--group-by``."""
    arguments.add_argument(
        '--group-by',
        choices=['study', 'folder'],
        default='study',
        help='how to group files into exams; use "folder" for data sets with one '
        'study per file, such as CBIS-DDSM (default: %(default)s)',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible numbers."""
    if args.workers < 1:
        refuse(f'--workers {args.workers}: expected at least 1')
    refuse_folder('--out', args.out)


def run(args: argparse.Namespace) -> None:
    """Read headers, write the index, and report."""
    from mammo_plugins.structures.exam_indexing import index_exams

    text = light('printable')
    one_line, number_of = text.one_line, text.number_of
    modality = args.modality[0] if len(args.modality) == 1 else args.modality
    with user_errors(args):
        counts = index_exams(args.path, args.out, modality, args.group_by, args.workers)
    print(
        f'{number_of(counts["exams"], "exam")}, {number_of(counts["views"], "view")}: '
        f'{one_line(args.out)}'
    )
    for note in counts['notes']:
        print(f'note: {one_line(note)}')
    if counts['left_out']:
        print(
            f'{sum(counts["left_out"].values())} of '
            f'{number_of(counts["files"], "file")} left out:'
        )
    for reason, count in counted_by_kind(counts['left_out']):
        print(f'  {count}: {one_line(reason)}')
    if not counts['exams']:
        raise SystemExit(f'error: {" ".join(args.path)}: no exam that can be used')


COMMAND = Command(
    'tools/index.py',
    'List the exams below folders, in a DICOMDIR or in a list of paths: one line '
    'per exam, with its files and views, which images were chosen and why, and '
    'which were left out and why. Only headers are read. Run the same command to '
    'resume. mammo infer --index reads the list, in parts on several machines if '
    'you like. Paths are written unchanged: keep names out of them.',
    '{command} /archive/mammograms --out exams.jsonl',
    add_arguments,
    run,
    check,
    configs=(),
)
