"""What a training step costs, by number format and with compiled kernels."""
import torch
from mmengine.logging import MMLogger

from mammo_plugins.apis.acceleration import PRECISIONS
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.training_benchmark import compare, ways
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors

EXAMPLE = ('python tools/analysis_tools/benchmark_training.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --size 256 128')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Time training steps of detectors on images of noise, in one run: as MMEngine '
        'trains in float32, in other number formats, and compiled. Weights are random, '
        'running statistics those of the noise. Tells memory, the share of the GPU\'s '
        'matrix rate, and how far the losses are from those in float32.', EXAMPLE)
    arguments.add_argument('configs', nargs='+', metavar='CONFIG', help='config files')
    arguments.add_argument(
        '--size', type=int, nargs=2, default=(3000, 1500), metavar=('H', 'W'),
        help='image size in pixels (default: %(default)s)')
    arguments.add_argument(
        '--samples', type=int, default=1, help='a step (default: %(default)s)')
    arguments.add_argument(
        '--steps', type=int, default=10,
        help='to measure, after three (default: %(default)s)')
    arguments.add_argument(
        '--precision', nargs='+', choices=PRECISIONS, default=['fp32', 'bf16'],
        help='number formats (default: %(default)s)')
    arguments.add_argument(
        '--compile', action='store_true', help='each compiled too; takes minutes')
    arguments.add_argument('--stage', help='of a model that is trained in stages')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    MMLogger.get_instance('benchmark', log_level='ERROR')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    with user_errors():
        for path in args.configs:
            compare(load_config(path, args.cfg_options), args.size, args.samples,
                    args.steps, device, ways(args.precision, args.compile), args.stage)


if __name__ == '__main__':
    main()
