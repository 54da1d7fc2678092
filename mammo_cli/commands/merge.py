"""Join the predictions of the parts of an archive."""

import argparse

from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.light import light


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'part', nargs='+', help='output folders of mammo infer --num-parts'
    )
    arguments.add_argument(
        '--index', required=True, help='the index that was split into parts'
    )
    arguments.add_argument('--out', required=True, help='output folder')
    arguments.add_argument(
        '--lines',
        action='store_true',
        help='write predictions.jsonl, one line per exam, instead of predictions.json',
    )


def run(args: argparse.Namespace) -> None:
    """Join the parts, count, and report."""
    from mammo_plugins.apis.archive import merge_parts

    text = light('printable')
    one_line, number_of = text.one_line, text.number_of
    with user_errors(args):
        merged = merge_parts(args.part, args.index, args.out, args.lines)
    name = 'predictions.jsonl' if args.lines else 'predictions.json'
    usable = merged.exams - merged.unusable
    print(f'{number_of(usable, "exam")}: {one_line(args.out)}/{name}')
    if merged.unusable:
        print(
            f'{number_of(merged.unusable, "exam")} without a usable view: see "skipped" '
            f'in {name} for the reasons; were all folders mounted?'
        )
    print(
        f'{number_of(merged.duplicates, "duplicate")}, {merged.differing} of which '
        'differ: those of the first PART are used'
    )
    if merged.unfinished:
        print(
            f'{number_of(merged.unfinished, "part")} did not end, so the result is '
            'incomplete: run mammo infer again there'
        )
    if merged.damaged:
        print(
            f'{number_of(merged.damaged, "line")} cut short, damaged or of another run'
        )
    if merged.figures:
        print(f'{number_of(merged.figures, "picture")} named, but missing')
    more = f' and {len(merged.missing) - 3} more' if len(merged.missing) > 3 else ''
    print(
        f'{number_of(len(merged.missing), "exam")} missing'
        + (f': {", ".join(merged.missing[:3])}{more}' if merged.missing else '')
    )
    if not usable:
        raise SystemExit(f'error: {" ".join(args.part)}: no exam with a usable view')


COMMAND = Command(
    'tools/merge.py',
    'Join the parts written by mammo infer --num-parts, in the order of the '
    'index, into one predictions.json (or .jsonl), identical to that of a single '
    'run. Duplicate and missing exams are counted.',
    '{command} results/part_0 results/part_1 --index exams.jsonl --out results/all',
    add_arguments,
    run,
    configs=(),
)
