"""Make synthetic malignant breasts for training."""
from pathlib import Path

from mammo_plugins.apis import (SyntheticExams, TrainedModel, breast_saliency,
                                loaded_breasts, synthesis_stages)
from mammo_plugins.apis.command_line import (ConfigError, add_config_arguments,
                                             check_device, load_config, parser,
                                             require_file, user_errors)
from mammo_plugins.structures import AnnotationError
from mammo_plugins.visualization.synthesis import plot_panels

EXAMPLE = ('python tools/synthesize.py configs/divf/divf-concatenate_r34_vindr.py '
           'work_dirs/divf-concatenate_r34_vindr/epoch_200.pth '
           '--out data/vindr_mammo_synthetic --preview 6')

# stages left out, and what is then left of the method
WAYS = {
    frozenset(['fourier', 'soft-mask']): 'CutMix',
    frozenset(['soft-mask']): '+ Fourier',
    frozenset(['fourier']): '+ soft mask',
    frozenset(): 'all'
}


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Soft-Adapted Malignancy Synthesis (Nguyen et al.): paste annotated '
        'malignant lesions into benign breasts of the training set, where the '
        'Grad-CAM of a trained DIVF-Net for the benign class is strongest. Writes '
        'OUT/saliency.npz, OUT/images and OUT/annotations/train.json, which says '
        'how each view was made.', EXAMPLE)
    arguments.add_argument('config', help='config file of a DIVF-Net')
    arguments.add_argument('checkpoint', help='checkpoint of its warm-up training')
    arguments.add_argument(
        '--out', required=True, metavar='DIR', help='data root to write')
    arguments.add_argument(
        '--count', type=int, metavar='N',
        help='breasts to make (default: as many as balance the classes)')
    arguments.add_argument(
        '--seed', type=int, default=0, help='seed of all choices (default: 0)')
    arguments.add_argument(
        '--beta', type=float, default=0.01,
        help='half width of the Fourier window, 0 to 1 (default: %(default)s)')
    arguments.add_argument(
        '--context', type=float, default=1.,
        help='factor by which the box of a lesion grows before it is cut out; 2 for '
        'boxes that hug the lesion (default: %(default)s, as in the paper)')
    arguments.add_argument(
        '--without', nargs='+', choices=['fourier', 'soft-mask'], default=[],
        help='stages to leave out, as in table 2 of the paper')
    stop = arguments.add_mutually_exclusive_group()
    stop.add_argument(
        '--saliency-only', action='store_true',
        help='write OUT/saliency.npz, which SynthesizeMalignancy reads while '
        'training, and stop')
    stop.add_argument(
        '--preview', type=int, metavar='N',
        help='write N cases to OUT/preview.png as in figure 4 of the paper, beside '
        'OUT/saliency.npz, and stop')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    args = arguments.parse_args()
    if args.count is not None and args.count < 1:
        arguments.error(f'--count {args.count}: expected at least 1')
    if args.seed < 0 or not 0 <= args.beta <= 1 or args.context <= 0:
        arguments.error('--seed: 0 or more, --beta: from 0 to 1, --context: above 0')
    if args.preview is not None and args.preview < 1:
        arguments.error(f'--preview {args.preview}: expected at least 1')
    return args


def main() -> None:
    """Run."""
    args = parse_args()
    out = Path(args.out)
    with user_errors():
        check_device(args.device)
        require_file(args.checkpoint, 'checkpoint')
        cfg = load_config(args.config, args.cfg_options)
        loaded = loaded_breasts(cfg)
        trained = TrainedModel(cfg, args.checkpoint, args.device,
                               args.trust_checkpoint)
        if not hasattr(trained.model, 'logits'):
            raise ConfigError(f'{args.config}: model.type is '
                              f'{type(trained.model).__name__}; expected a DIVFNet')
        # as in tests: Grad-CAM sees no augmentation
        packed = loaded_breasts(cfg, cfg.test_dataloader.dataset.pipeline)
        saliency = breast_saliency(trained, packed)
        saliency.write(out / 'saliency.npz')
        print(f'saliency of {len(saliency.maps)} views: {out / "saliency.npz"}')
        if args.saliency_only:
            return
        ways = synthesis_stages(saliency, args.beta, args.context)
        exams = SyntheticExams(loaded, ways[WAYS[frozenset(args.without)]], out,
                               args.seed)
        if args.preview:
            rows = exams.panels(args.preview, ways)
            if not rows:
                raise AnnotationError(f'{loaded.ann_file}: no lesion found a place')
            plot_panels(rows, out / 'preview.png')
            print(f'preview: {out / "preview.png"}')
            return
        count = args.count or exams.balancing
        if not count:
            raise AnnotationError(
                f'{loaded.ann_file}: malignant breasts are not fewer than benign '
                'ones; say by --count how many to make')
        counts = exams.write(count)
    print(', '.join(f'{count} {what}' for what, count in counts.items()))
    print(f'annotations: {out / "annotations/train.json"}')


if __name__ == '__main__':
    main()
