"""Make Grad-CAM saliency of benign breasts, where lesions are pasted in training."""
from pathlib import Path

from mammo_plugins.apis import trained_model_of, training_saliency
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.saliency import CLASSES
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device

EXAMPLE = ('python tools/saliency.py configs/divf/divf-concatenate_r34_vindr.py '
           'work_dirs/divf-concatenate_r34_vindr/epoch_200.pth '
           '--out data/vindr_mammo_synthetic')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Make Grad-CAM of a DIVF-Net for every view of the benign breasts that a config '
        'trains on, and write OUT/saliency.npz. SynthesizeMalignancy reads it while '
        'training, to paste malignant lesions where the network looks (Nguyen et al., '
        'section 3.2).', EXAMPLE)
    arguments.add_argument('config', help='config file of a DIVF-Net')
    arguments.add_argument('checkpoint', help='its checkpoint')
    arguments.add_argument(
        '--out', required=True, metavar='DIR', help='folder to write saliency.npz to')
    arguments.add_argument(
        '--saliency-class', choices=CLASSES, default='benign',
        help='class of Grad-CAM over benign breasts (default: %(default)s)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        trained = trained_model_of('DIVFNet', cfg, args.checkpoint, args.device,
                                   args.trust_checkpoint)
        training_saliency(trained, args.saliency_class,
                          Path(args.out) / 'saliency.npz')


if __name__ == '__main__':
    main()
