"""Draw what DisAsymNet makes of held-out asymmetric pairs."""
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.trained_model import TrainedModel
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.registry import DATASETS
from mammo_plugins.visualization import draw_pairs, pair_panels

EXAMPLE = ('python tools/analysis_tools/pair_panels.py '
           'configs/disasym/disasymnet_phantom.py '
           'work_dirs/disasymnet_phantom/epoch_8.pth --out pairs.png')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Draw randomly chosen asymmetric pairs of the test part, one below the other: '
        'original, normal and abnormal image, heat map; lesions are circled. Of '
        'phantoms also the truth of the normal image (DisAsymNet, figure 3).', EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        '--out', type=Path, default=Path('pairs.png'), metavar='PNG',
        help='file to write (default: %(default)s)')
    arguments.add_argument(
        '--cases', type=int, default=8, metavar='N',
        help='pairs, each of another exam (default: %(default)s)')
    arguments.add_argument(
        '--seed', type=int, default=0, help='of the choice (default: %(default)s)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def choose(dataset, number: int, seed: int) -> list:
    """Return indices of asymmetric pairs, each of another exam, in their order."""
    of_exam = {}
    rng = np.random.default_rng(seed)
    for i in rng.permutation(len(dataset)):
        info = dataset.get_data_info(int(i))
        if info['gt_label']:
            of_exam.setdefault(info['exam_id'], int(i))
    return sorted(list(of_exam.values())[:number])


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        settings = cfg.test_dataloader.dataset
        if settings.get('target') != 'pair':
            raise ConfigError(f'{args.config}: test_dataloader.dataset.target is '
                              f"{settings.get('target')!r}; expected 'pair'")
        trained = TrainedModel(cfg, args.checkpoint, args.device,
                               args.trust_checkpoint)
        with DATASETS.switch_scope_and_registry(trained.scope):
            dataset = DATASETS.build(settings)
        chosen = choose(dataset, args.cases, args.seed)
        if not chosen:
            raise ConfigError(f'{settings.ann_file}: no asymmetric pair')
        loader = LoadMammogram(**trained.loading_options)
        rows = []
        for i in chosen:
            with torch.no_grad():
                sample, = trained.model.test_step(pseudo_collate([dataset[i]]))
            views = {side: loader.transform(dict(view)) for side, view
                     in dataset.get_data_info(i)['views'].items()}
            rows.append(pair_panels(
                sample, {side: view['img'] for side, view in views.items()},
                f'{sample.exam_id} {next(iter(views.values()))["view"]}',
                {side: [lesion['bbox'] for lesion in view['instances']]
                 for side, view in views.items()}))
        draw_pairs(rows, args.out)
    print(f'{len(rows)} pairs: {args.out}')


if __name__ == '__main__':
    main()
