"""Tell how well DisAsymNet's heat maps could do on a data set at best."""
import cv2
import numpy as np
import torch
from tqdm import tqdm

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import add_config_options, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.evaluation.metrics import WeakLocalizationMetric
from mammo_plugins.evaluation.metrics.weak_localization_metric import instance_masks
from mammo_plugins.models.utils import evaluating, receptive_field
from mammo_plugins.registry import DATASETS, MODELS
from mammo_plugins.structures.multi_view_data_sample import views_of

EXAMPLE = ('python tools/analysis_tools/cam_ceiling.py '
           'configs/disasym/disasymnet_phantom.py')


def parse_args():
    """Read the command line."""
    arguments = parser(
        "Measure heat maps that know the lesions, on the grid of the config's encoder: "
        'each place has the share of its pixels that is lesion, and the map is '
        'upsampled as a class activation map is. What a trained network scores below '
        'that is its own; what these maps lack is the grid. Also prints the '
        "encoder's receptive field. Reads the test part.", EXAMPLE)
    arguments.add_argument('config', help='config file')
    add_config_options(arguments)
    return arguments.parse_args()


def knowing_map(lesions: np.ndarray, grid: tuple) -> np.ndarray:
    """Return the heat map of a grid that knows where the lesions are.

    Args:
        lesions (np.ndarray): bool, (H, W).
        grid (tuple[int]): (h, w), whose places lie evenly on the image.

    Returns:
        np.ndarray: (H, W) in [0, 1].
    """
    shares = cv2.resize(lesions.astype(np.float32), grid[::-1],
                        interpolation=cv2.INTER_AREA)
    return cv2.resize(shares, lesions.shape[::-1], interpolation=cv2.INTER_LINEAR)


def measure(dataset, grid: tuple) -> dict:
    """Log the figures of all test samples by the metric's rule; return them."""
    metric = WeakLocalizationMetric(n_bootstrap=0)
    metric.dataset_meta = dataset.metainfo
    for i in tqdm(range(len(dataset)), desc='pairs', unit='pair'):
        sample = dataset[i]['data_samples']
        for view in views_of(sample):
            shape = tuple(view.img_shape[:2])
            masks = instance_masks(view.to_dict(), 'gt_instances', shape)
            view.heat_map = torch.from_numpy(knowing_map(
                masks.any(axis=0) if len(masks) else np.zeros(shape, bool), grid))
        metric.process(None, [sample.to_dict()])
    return metric.evaluate(len(dataset))


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        encoder = cfg.model.get('asyc', {}).get('encoder')
        if encoder is None:
            raise ConfigError(f'{args.config}: model.asyc.encoder is missing; expected '
                              'a config of DisAsymNet')
        channels = cfg.model.get('num_channels', 3)
        with MODELS.switch_scope_and_registry(cfg.default_scope):
            encoder = MODELS.build(dict(encoder, init_cfg=None))
        with DATASETS.switch_scope_and_registry(cfg.default_scope):
            dataset = DATASETS.build(cfg.test_dataloader.dataset)
        image = next(iter(
            x for x in dataset[0]['inputs'].values() if x is not None))
        height, width = image.shape[1:]
        with torch.no_grad(), evaluating(encoder):
            grid = tuple(encoder(
                torch.zeros(1, channels, height, width))[-1].shape[2:])
        found = measure(dataset, grid)
        print(f'images of {height} x {width} pixels, heat maps of {grid[0]} x {grid[1]} '
              f'places, receptive field {receptive_field(encoder, channels)} pixels')
        print('heat maps that know the lesions: ' + ', '.join(
            f'{name.rpartition("/")[2]} {value:.3f}'
            for name, value in found.items()))


if __name__ == '__main__':
    main()
