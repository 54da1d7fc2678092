"""Train and test a config on each fold of its data; report mean and spread."""
from mammo_plugins.apis.cross_validation import cross_validate
from mammo_plugins.cli.arguments import add_config_options, parser
from mammo_plugins.cli.errors import user_errors

EXAMPLE = ('python tools/cross_validate.py '
           'configs/blending/mask-rcnn_r50_inbreast_blending.py')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Train and test a config on each fold that a converter wrote with --split '
        'kfold: its data sets have the number of the fold as their fold. Its list '
        'preparation names commands that come before the training of a fold, whose '
        'number stands in them as {fold}. What is done is not done again; an '
        'interrupted run is gone on with. Writes WORK_DIR/cross_validation.md: mean and standard deviation over '
        'the folds.', EXAMPLE)
    arguments.add_argument('config', help='config file, of one of the folds')
    arguments.add_argument(
        '--work-dir', help='(default: work_dirs/cross_validation/NAME_OF_CONFIG)')
    arguments.add_argument(
        '--folds', type=int, nargs='+', metavar='K',
        help='only these, for several machines (default: all there are)')
    arguments.add_argument(
        '--jobs', type=int, default=1,
        help='folds at a time, one thread each if several (default: %(default)s)')
    arguments.add_argument(
        '--amp', action='store_true',
        help='train with mixed precision, preparation included')
    add_config_options(arguments)
    args = arguments.parse_args()
    if args.jobs < 1:
        arguments.error(f'--jobs {args.jobs}: expected at least 1')
    return args


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        cross_validate(args.config, args.work_dir, args.folds, args.jobs, args.amp,
                       args.cfg_options)


if __name__ == '__main__':
    main()
