"""Write what the network sees of a config's data as pictures."""
from mammo_plugins.apis.browsing import browse, data_set_of
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import add_config_options, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.io import add_limit_argument

EXAMPLE = ('python tools/misc/browse_dataset.py configs/mamminet_v2_phantom.py '
           '--output-dir browsed')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Write the inputs of the network as PNG files of 16 bits, after the pipeline '
        'and before normalisation, with boxes and outlines of lesions in orange and of '
        'regions to be ignored in blue.', EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument(
        '--output-dir', '-o', dest='out', required=True,
        help='folder for the pictures')
    arguments.add_argument(
        '--phase', '-p', default='train', choices=['train', 'val', 'test'],
        help='which part of the data (default: %(default)s)')
    arguments.add_argument(
        '--stage', default='',
        help='stage of a staged training (default: the first)')
    arguments.add_argument(
        '--show-number', '-n', type=int, default=20,
        help='how many samples, at least 1 (default: %(default)s)')
    arguments.add_argument(
        '--not-show', action='store_true',
        help='changes nothing: pictures are written and never shown; taken since '
        "mmdet's tool has it")
    add_config_options(arguments)
    add_limit_argument(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        if args.show_number < 1:
            raise ConfigError(f'--show-number {args.show_number}: expected at least 1')
        cfg = load_config(args.config, args.cfg_options)
        dataset = data_set_of(cfg, args.phase, args.stage)
        written = browse(dataset, args.show_number, args.out)
        print(f'{written} pictures: {args.out}')


if __name__ == '__main__':
    main()
