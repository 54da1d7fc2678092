"""Train and compare variants of a system on the phantom; write the tables."""

import argparse

from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of an ablation')
    arguments.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='number of trainings in parallel, with one thread each if more than '
        'one (default: %(default)s)',
    )
    arguments.add_argument(
        '--seeds', type=int, nargs='+', help="seeds to use instead of the config's"
    )
    arguments.add_argument(
        '--rows', nargs='+', help='only these rows, and the rows they depend on'
    )
    arguments.add_argument(
        '--tables-only',
        action='store_true',
        help='write the tables of finished rows only; train nothing',
    )
    arguments.add_argument(
        '--update-docs',
        action='store_true',
        help="write the tables into the config's document (default: tables.md in "
        'its work directory)',
    )


def run(args: argparse.Namespace) -> None:
    """Train, test and write the tables."""
    from mammo_plugins.apis.ablation import check_ablation, plan, train_all
    from mammo_plugins.apis.ablation_tables import read_document, write_tables
    from mammo_plugins.apis.config_loading import load_config

    with user_errors():
        cfg = load_config(args.config)
        check_ablation(cfg)
        seeds = args.seeds or list(cfg.seeds)
        runs = plan(cfg, seeds, args.rows)
        if args.update_docs:
            read_document(cfg)  # reports errors before hours of work
        if not args.tables_only:
            train_all(runs, cfg, args.jobs)
        write_tables(
            cfg,
            plan(cfg, seeds, None),
            seeds,
            f'mammo ablate {args.config} '
            f'--jobs {args.jobs}'
            + ''.join(f' --seeds {" ".join(map(str, seeds))}' if args.seeds else ''),
            args.update_docs,
        )


COMMAND = Command(
    'tools/analysis_tools/ablate.py',
    'Train and test the rows of an ablation on phantom exams, with several '
    'seeds, and write its tables. Finished rows are not repeated; run the same '
    'command to resume.',
    '{command} configs/momminet/ablation.py --jobs 2',
    add_arguments,
    run,
)
