"""List the shipped configs, or print one with everything it inherits."""

import argparse
from itertools import groupby
from pathlib import Path

from mammo_cli.arguments import add_config_options
from mammo_cli.command import Command, show
from mammo_cli.errors import refuse, user_errors
from mammo_cli.light import light

ENDINGS = ('.py', '.json', '.yml', '.yaml')  # formats that MMEngine reads and writes


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'config', nargs='?', help='config file (default: list all shipped configs)'
    )
    arguments.add_argument(
        '--save-path', help='also write it to this file: .py, .json, .yml or .yaml'
    )
    add_config_options(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse unknown file endings, and options without a config."""
    if args.save_path and Path(args.save_path).suffix not in ENDINGS:
        refuse(
            f'--save-path {args.save_path}: expected a name that ends in '
            f'{", ".join(ENDINGS)}'
        )
    if args.config is None and (args.save_path or args.cfg_options):
        parser.error('--save-path, --cfg-options: name the config that they are of')


def run(args: argparse.Namespace) -> None:
    """List the configs, or print one."""
    if args.config is None:
        try:
            show(shipped_list())
        except FileNotFoundError as error:  # an installation without configs
            refuse(str(error))
        return
    from mmengine.fileio import dump

    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.io import atomic_path

    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        print(cfg.pretty_text)
        if args.save_path:
            ending = Path(args.save_path).suffix
            with atomic_path(args.save_path) as temporary:
                temporary.write_text(
                    cfg.pretty_text
                    if ending == '.py'
                    else dump(cfg.to_dict(), file_format=ending[1:]),
                    encoding='utf-8',
                )


def shipped_list() -> str:
    """Return the list of shipped configs, by paper, one line each."""
    shipped = light('shipped')
    papers, lines = shipped.papers(), []
    configs = shipped.shipped_configs()
    width = max(len(each.name) for each in configs)
    for folder, group in groupby(configs, lambda each: each.name.rpartition('/')[0]):
        lines += ['', papers.get(folder, 'All stages of MommiNet-v2 in one command')]
        lines += [f'  {each.name:<{width}}  {each.summary}' for each in group]
    return '\n'.join(
        [
            'Use a name behind mammo_plugins::, such as mammo train '
            f'{shipped.PREFIX}{configs[0].name}',
            *lines,
        ]
    )


COMMAND = Command(
    'tools/misc/print_config.py',
    'Print a config with everything it inherits and --cfg-options merged, after '
    'the same checks as for training. Without a config, list all shipped configs '
    'by paper.',
    '{command} configs/mamminet_v2.py --cfg-options train_dataloader.batch_size=2',
    add_arguments,
    run,
    check,
)
