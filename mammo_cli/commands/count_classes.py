"""Count the samples and classes of a config's data sets."""

import argparse

from mammo_cli.arguments import add_config_arguments
from mammo_cli.command import Command
from mammo_cli.errors import user_errors

PARTS = ('train', 'val', 'test')


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    add_config_arguments(arguments)


def run(args: argparse.Namespace) -> None:
    """Count and print."""
    from mmengine.logging import MMLogger

    from mammo_plugins.apis.class_counts import count
    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.engine.data_configs import innermost_datasets
    from mammo_plugins.registry import DATASETS
    from mammo_plugins.structures import in_fold

    MMLogger.get_instance('mmengine', log_level='WARNING')
    counts = {}
    with user_errors(), DATASETS.switch_scope_and_registry('mammo'):
        cfg = load_config(args.config, args.cfg_options)
        for part in PARTS:
            loader = cfg.get(f'{part}_dataloader')
            if loader:
                for _, dataset in innermost_datasets(part, loader.dataset):
                    dataset.pipeline = []
                    name = f'{part} ({in_fold(dataset.ann_file, dataset.get("fold"))})'
                    counts[name] = count(DATASETS.build(dataset))
        if not counts:
            raise ConfigError(
                f'{args.config}: no train, val or test_dataloader; give a '
                'config of a training, not of a data set alone'
            )
    rows = dict.fromkeys(name for numbers in counts.values() for name in numbers)
    width = max(map(len, rows))
    for name, numbers in counts.items():
        print(name)
        for row in rows:
            print(f'  {row:<{width}}  {numbers.get(row, 0)}')


COMMAND = Command(
    'tools/analysis_tools/count_classes.py',
    'Print the number of samples, lesions and classes in each part of a task, to '
    'compare with its paper.',
    '{command} configs/divf/divf-concatenate_r18_vindr.py',
    add_arguments,
    run,
)
