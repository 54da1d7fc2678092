"""Print a config with all that it inherits."""
from pathlib import Path

from mmengine.fileio import dump

from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import add_config_options, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.io import atomic_path

ENDINGS = ('.py', '.json', '.yml', '.yaml')  # that MMEngine writes and reads
EXAMPLE = ('python tools/misc/print_config.py configs/mamminet_v2.py --cfg-options '
           'train_dataloader.batch_size=2')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Print a config with all that it inherits and --cfg-options merged, after the '
        'checks that a training makes of it.', EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument(
        '--save-path', help='file to write it to, besides: .py, .json, .yml or .yaml')
    add_config_options(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        ending = Path(args.save_path).suffix if args.save_path else '.py'
        if ending not in ENDINGS:
            raise ConfigError(f'--save-path {args.save_path}: expected a name that ends '
                              f'in {", ".join(ENDINGS)}')
        cfg = load_config(args.config, args.cfg_options)
        print(cfg.pretty_text)
        if args.save_path:
            with atomic_path(args.save_path) as temporary:
                temporary.write_text(
                    cfg.pretty_text if ending == '.py' else dump(
                        cfg.to_dict(), file_format=ending[1:]), encoding='utf-8')


if __name__ == '__main__':
    main()
