"""What reading an exam with three views at a time costs, beside one at a time."""
import time
from collections import Counter
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from torch import nn
from tqdm import trange

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import PARTNERS
from mammo_plugins.testing import (demo_exam, demo_single_view_inputs,
                                   demo_tri_view_inputs)

EXAMPLE = ('python tools/analysis_tools/benchmark.py '
           'configs/mamminet_v2_phantom.py --baseline '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --size 512 256')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Compare the detection of a four-view exam by MommiNet, with shared work '
        'and without, to four passes of a single-view baseline, in turns and in one '
        'run. Weights and pixels are random. The malignancy classifier is left '
        'out, since the baseline has none.', EXAMPLE)
    arguments.add_argument('config', help='config file of a MommiNet')
    arguments.add_argument(
        '--baseline',
        required=True,
        help='config file of the single-view detector')
    arguments.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(3000, 1500),
        metavar=('H', 'W'),
        help='image size in pixels (default: %(default)s)')
    arguments.add_argument(
        '--repeats', type=int, default=5, help='turns (default: %(default)s)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def build(cfg, device: str) -> nn.Module:
    """Return a model with random weights, ready to predict."""
    drop_pretrained_files(cfg.model)
    with MODELS.switch_scope_and_registry(cfg.get('default_scope', 'mammo')):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model.to(device).eval()


@contextmanager
def counted(model: nn.Module):
    """Count how often images pass the stages of a MommiNet's backbones."""
    passes: Counter = Counter()

    def count(name):
        def hook(module, inputs, output):
            first = inputs[0]
            while not torch.is_tensor(first):
                first = first[0]
            passes[name] += len(first)

        return hook

    parts = {
        f'{branch}, {stage}': getattr(getattr(model, branch).backbone, layer)
        for branch in PARTNERS
        for stage, layer in (('stem', 'conv1'), ('stage 4', 'stage4'))
        if hasattr(getattr(model, branch).backbone, layer)
    }
    handles = [part.register_forward_hook(count(name))
               for name, part in parts.items()]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def run(model: nn.Module, samples: list, together: bool) -> list:
    """Predict an exam, as one batch or sample by sample."""
    with torch.no_grad():
        if together:
            return model.test_step(pseudo_collate(samples))
        return [model.test_step(pseudo_collate([sample]))[0]
                for sample in samples]


def largest_difference(one: list, other: list) -> float:
    """Return the largest difference of boxes and scores of two results."""
    largest = 0.
    for a, b in zip(one, other):
        a, b = a.pred_instances, b.pred_instances
        if len(a) != len(b):
            return float('inf')
        for key in ('bboxes', 'scores'):
            if len(a):
                largest = max(largest, float((a[key] - b[key]).abs().max()))
    return largest


def main() -> None:
    """Measure and print."""
    args = parse_args()
    MMLogger.get_instance('benchmark', log_level='ERROR')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    with user_errors():
        configs = [load_config(path, args.cfg_options if path == args.config
                               else None) for path in (args.config, args.baseline)]
        model, baseline = (build(cfg, device) for cfg in configs)
        if not hasattr(model, 'ipsilateral'):
            raise ConfigError(f'{args.config}: model.type is '
                              f'{type(model).__name__}; expected a MommiNet')
    model.malignancy = None
    images = demo_exam(args.size)
    three, one = demo_tri_view_inputs(images), demo_single_view_inputs(images)
    ways = {
        'baseline, four passes': lambda: run(baseline, one, False),
        'tri-view, shared': lambda: run(model, three, True),
        'tri-view, naive': lambda: run(model, three, False)
    }
    seconds = {name: [] for name in ways}
    results, passes = {}, {}
    warm_up = int(device != 'cpu')  # kernels are chosen in a GPU's first turn
    for turn in trange(args.repeats + warm_up, desc='turns', unit='turn'):
        for name, way in ways.items():
            with counted(model) as passes[name]:
                if device != 'cpu':
                    torch.cuda.synchronize(device)
                start = time.perf_counter()
                results[name] = way()
                if device != 'cpu':
                    torch.cuda.synchronize(device)
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    report(seconds, passes, results)


def report(seconds: dict, passes: dict, results: dict) -> None:
    """Print ratios, passes and whether sharing changes results."""
    base = np.median(seconds['baseline, four passes'])
    print('median seconds an exam, and ratio to the baseline:')
    for name, values in seconds.items():
        print(f'  {name:22s} {np.median(values):8.3f} s  '
              f'{np.median(values) / base:5.2f}x')
    for name in ('tri-view, shared', 'tri-view, naive'):
        print(f'images through the backbones, {name}:')
        for part, count in passes[name].items():
            print(f'  {part:22s} {count}')
    difference = largest_difference(results['tri-view, shared'],
                                    results['tri-view, naive'])
    print(f'largest difference of boxes (pixels) and scores between shared and '
          f'naive: {difference:.1e}')


if __name__ == '__main__':
    main()
