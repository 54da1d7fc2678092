"""Print a config with all that it inherits."""
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.cli.arguments import add_config_options, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.io import atomic_path

EXAMPLE = ('python tools/misc/print_config.py configs/mamminet_v2.py --cfg-options '
           'train_dataloader.batch_size=2')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Print a config with all that it inherits and --cfg-options merged, after the '
        'checks that a training makes of it.', EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('--save-path', help='file to write it to, besides')
    add_config_options(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        text = load_config(args.config, args.cfg_options).pretty_text
        print(text)
        if args.save_path:
            with atomic_path(args.save_path) as temporary:
                temporary.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
