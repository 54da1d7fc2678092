"""Time region selection against the paper's double loop."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from mammo_cli.command import Command

if TYPE_CHECKING:
    import numpy as np

STRIDE = 32  # of the network whose last layer Grad-CAM uses


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    for name, default, what in (
        ('--size', (800, 800), 'saliency map'),
        ('--region', (120, 100), 'region'),
    ):
        arguments.add_argument(
            name,
            type=int,
            nargs=2,
            default=default,
            metavar=('H', 'W'),
            help=f'of the {what}, in pixels (default: %(default)s)',
        )
    arguments.add_argument(
        '--repeats',
        type=int,
        default=5,
        help='number of repetitions (default: %(default)s)',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible sizes."""
    if min(args.region) < 1 or args.repeats < 1:
        parser.error('--region and --repeats must be at least 1')
    if args.region[0] > args.size[0] or args.region[1] > args.size[1]:
        parser.error(
            f'--region {args.region[0]} {args.region[1]} does not fit in '
            f'--size {args.size[0]} {args.size[1]}'
        )


def made_saliency(height: int, width: int) -> 'np.ndarray':
    """Return an (H, W) float64 map as smooth as an upsampled Grad-CAM."""
    import numpy as np
    from scipy import ndimage

    coarse = (-(-height // STRIDE) + 1, -(-width // STRIDE) + 1)
    values = np.random.default_rng(0).random(coarse)
    smooth = ndimage.zoom(values, STRIDE, order=1)[:height, :width]
    return np.rint(smooth * 2**16) / 2**16


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    import numpy as np
    from tqdm import trange

    from mammo_plugins.synthesis import select_region, select_region_by_loop

    saliency = made_saliency(*args.size)
    ways = {'double loop': select_region_by_loop, 'summed-area table': select_region}
    seconds = {name: [] for name in ways}
    found = {}
    for _ in trange(args.repeats, desc='turns', unit='turn'):
        for name, way in ways.items():
            start = time.perf_counter()
            found[name] = way(saliency, *args.region)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: np.median(values) for name, values in seconds.items()}
    print(
        f'saliency {args.size[0]} x {args.size[1]}, region {args.region[0]} x '
        f'{args.region[1]}, median of {args.repeats} turns:'
    )
    for name, median in medians.items():
        print(f'  {name:18s} {median:10.5f} s  {tuple(found[name][:4])}')
    print(f'  ratio {medians["double loop"] / medians["summed-area table"]:.0f}')
    if found['double loop'] != found['summed-area table']:
        sys.exit('error: the two ways found different regions')
    print('  the same region and the same sum')


COMMAND = Command(
    'tools/analysis_tools/benchmark_region_selection.py',
    'Time region selection with a summed-area table against algorithm 1 of the '
    'DIVF-Net paper, a double loop with a NumPy sum, alternating in one run. The '
    "saliency is synthetic: random, smooth and 16-bit, so that the loop's sums "
    'are exact and both must select the same region.',
    '{command} --size 800 800 --region 120 100',
    add_arguments,
    run,
    check,
)
