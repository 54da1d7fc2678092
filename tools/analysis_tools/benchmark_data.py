"""How fast samples are made, beside a plain loop over the same files."""
from mmengine.logging import MMLogger

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.data_benchmark import compare
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors

EXAMPLE = ('python tools/analysis_tools/benchmark_data.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py --samples 40')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Compare the training pipeline of a config, with an empty pixel cache and '
        'with a full one, to a plain loop (pydicom, VOI, OpenCV resize; no crop, no '
        'annotation) over the same files, in turns, in one process and one run.',
        EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('--samples', type=int, default=40, metavar='N',
        help='samples, spread over the data set (default: %(default)s)')
    arguments.add_argument('--repeats', type=int, default=3,
        help='turns of the full cache and the plain loop (default: %(default)s)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    MMLogger.get_instance('mmengine', log_level='WARNING')
    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        if args.samples < 1 or args.repeats < 1:
            raise ConfigError('--samples, --repeats: expected at least 1')
        compare(cfg, args.samples, args.repeats)


if __name__ == '__main__':
    main()
