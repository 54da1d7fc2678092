"""Compare the adversarial gradient of a blending generator with that of L_S."""
from mammo_plugins.apis import trained_model_of
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.gradient_ratios import report
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device

EXAMPLE = ('python tools/analysis_tools/gradient_ratios.py '
           'configs/blending/blending-gan_phantom.py')


def parse_args():
    """Read the command line."""
    arguments = parser(
        "Measure, on batches of the training set, the norm of the adversarial loss's "
        "gradient at the generator's output as a share of that of lambda_p L_S, with "
        'the loss averaged over the patches that touch the region and over all '
        'patches. Each draw has a batch and an untrained discriminator of its own; '
        'the untrained generator leaves images as they are. Prints the median and '
        'the range over the draws.', EXAMPLE)
    arguments.add_argument(
        'config', help='config file of blending adversarial networks')
    arguments.add_argument(
        '--checkpoint', help='trained networks instead; draws then differ in the batch '
        'alone')
    arguments.add_argument(
        '--draws', type=int, default=10, help='(default: %(default)s)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    args = arguments.parse_args()
    if args.draws < 1:
        arguments.error(f'--draws {args.draws}: expected at least 1')
    return args


def main() -> None:
    """Measure and print a table."""
    args = parse_args()
    with user_errors():
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        trained = args.checkpoint and trained_model_of(
            'BlendingGAN', cfg, args.checkpoint, args.device,
            args.trust_checkpoint).model
        report(cfg, args.draws, args.device, trained or None)


if __name__ == '__main__':
    main()
