"""Measure the best score that DisAsymNet's heat maps could reach on a data set."""

import argparse

from mammo_cli.arguments import add_config_options
from mammo_cli.command import Command
from mammo_cli.errors import user_errors


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    add_config_options(arguments)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    import torch

    from mammo_plugins.apis.cam_ceiling import measure
    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.models.utils import evaluating, receptive_field
    from mammo_plugins.registry import DATASETS, MODELS

    with user_errors(args):
        cfg = load_config(args.config, args.cfg_options)
        encoder = cfg.model.get('asyc', {}).get('encoder')
        if encoder is None:
            raise ConfigError(
                f'{args.config}: model.asyc.encoder is missing; expected '
                'a config of DisAsymNet'
            )
        channels = cfg.model.get('num_channels', 3)
        with MODELS.switch_scope_and_registry(cfg.default_scope):
            encoder = MODELS.build(dict(encoder, init_cfg=None))
        with DATASETS.switch_scope_and_registry(cfg.default_scope):
            dataset = DATASETS.build(cfg.test_dataloader.dataset)
        image = next(iter(x for x in dataset[0]['inputs'].values() if x is not None))
        height, width = image.shape[1:]
        with torch.no_grad(), evaluating(encoder):
            grid = tuple(encoder(torch.zeros(1, channels, height, width))[-1].shape[2:])
        found = measure(dataset, grid)
        print(
            f'images of {height} x {width} pixels, heat maps of {grid[0]} x {grid[1]} '
            f'places, receptive field {receptive_field(encoder, channels)} pixels'
        )
        print(
            'heat maps that know the lesions: '
            + ', '.join(
                f'{name.rpartition("/")[2]} {value:.3f}'
                for name, value in found.items()
            )
        )


COMMAND = Command(
    'tools/analysis_tools/cam_ceiling.py',
    'Score ideal heat maps computed from the true lesions on the grid of the '
    "config's encoder: each position has the share of its pixels that is lesion, "
    'and the map is upsampled like a class activation map. What these maps miss '
    'is lost to the grid; the gap between them and a trained network is the '
    "network's own. Also prints the encoder's receptive field. Reads the test "
    'part.',
    '{command} configs/disasym/disasymnet_phantom.py',
    add_arguments,
    run,
)
