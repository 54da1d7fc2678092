"""Draw DisAsymNet's outputs for held-out asymmetric pairs."""

import argparse
from pathlib import Path

from mammo_cli.arguments import add_config_arguments, add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors
from mammo_cli.runs import check_device


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        '--out',
        type=Path,
        default=Path('pairs.png'),
        metavar='PNG',
        help='file to write (default: %(default)s)',
    )
    arguments.add_argument(
        '--cases',
        type=int,
        default=8,
        metavar='N',
        help='number of pairs, each from a different exam (default: %(default)s)',
    )
    arguments.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the selection (default: %(default)s)',
    )
    add_device(arguments)
    add_config_arguments(arguments)


def choose(dataset, number: int, seed: int) -> list:
    """Return sorted indices of asymmetric pairs, each from a different exam."""
    import numpy as np

    of_exam = {}
    rng = np.random.default_rng(seed)
    for i in rng.permutation(len(dataset)):
        info = dataset.get_data_info(int(i))
        if info['gt_label']:
            of_exam.setdefault(info['exam_id'], int(i))
    return sorted(list(of_exam.values())[:number])


def run(args: argparse.Namespace) -> None:
    """Predict and draw."""
    import torch
    from mmengine.dataset import pseudo_collate

    from mammo_plugins.apis.config_loading import ConfigError, load_config
    from mammo_plugins.apis.trained_model import TrainedModel
    from mammo_plugins.datasets import LoadMammogram
    from mammo_plugins.printable import number_of
    from mammo_plugins.registry import DATASETS
    from mammo_plugins.visualization import draw_pairs, pair_panels

    with user_errors():
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        settings = cfg.test_dataloader.dataset
        if settings.get('target') != 'pair':
            raise ConfigError(
                f'{args.config}: test_dataloader.dataset.target is '
                f"{settings.get('target')!r}; expected 'pair'"
            )
        trained = TrainedModel(cfg, args.checkpoint, args.device, args.trust_checkpoint)
        with DATASETS.switch_scope_and_registry(trained.scope):
            dataset = DATASETS.build(settings)
        chosen = choose(dataset, args.cases, args.seed)
        if not chosen:
            raise ConfigError(f'{settings.ann_file}: no asymmetric pair')
        loader = LoadMammogram(**trained.loading_options)
        rows = []
        for i in chosen:
            with torch.no_grad():
                (sample,) = trained.model.test_step(pseudo_collate([dataset[i]]))
            views = {
                side: loader.transform(dict(view))
                for side, view in dataset.get_data_info(i)['views'].items()
            }
            rows.append(
                pair_panels(
                    sample,
                    {side: view['img'] for side, view in views.items()},
                    f'{sample.exam_id} {next(iter(views.values()))["view"]}',
                    {
                        side: [lesion['bbox'] for lesion in view['instances']]
                        for side, view in views.items()
                    },
                )
            )
        draw_pairs(rows, args.out)
    print(f'{number_of(len(rows), "pair")}: {args.out}')


COMMAND = Command(
    'tools/analysis_tools/pair_panels.py',
    'Draw randomly chosen asymmetric pairs of the test part, one below the '
    'other: original, normal and abnormal image, heat map, with lesions circled. '
    'For phantoms, also draw the true normal image (DisAsymNet, figure 3).',
    '{command} configs/disasym/disasymnet_phantom.py '
    'work_dirs/disasymnet_phantom/epoch_8.pth --out pairs.png',
    add_arguments,
    run,
)
