"""Make synthetic images with lesions for training."""
from argparse import SUPPRESS, Namespace
from collections import Counter
from pathlib import Path

import torch
from mmengine.config import Config

from mammo_plugins.apis import (BlendedImages, SyntheticExams, blend_by,
                                blend_by_mixed_gradients, blend_by_poisson,
                                loaded_breasts, loaded_normals,
                                synthesis_stages, trained_model_of,
                                training_saliency)
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.apis.saliency import CLASSES
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.registry import type_name
from mammo_plugins.structures import AnnotationError
from mammo_plugins.synthesis import SoftMask
from mammo_plugins.visualization.synthesis import plot_panels

EXAMPLE = ('python tools/synthesize.py configs/divf/divf-concatenate_r34_vindr.py '
           'work_dirs/divf-concatenate_r34_vindr/epoch_200.pth '
           '--out data/vindr_mammo_synthetic --preview 6\n'
           'python tools/synthesize.py configs/blending/blending-gan_inbreast.py '
           'work_dirs/blending-gan_inbreast/epoch_200.pth '
           '--out data/inbreast_synthetic --count 200')
BLENDED = 200  # images that Lin et al. make of INbreast

# blending without a generator, by option
SOLVED = {
    'poisson': ('Poisson image editing (OpenCV)', blend_by_poisson),
    'mixed_gradients': ('Mixed gradients, exact', blend_by_mixed_gradients)
}
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
        'Make synthetic images with lesions from the training set of a config, and '
        'write OUT/images and OUT/annotations/train.json, which says how each was '
        'made. With a DIVF-Net, by Soft-Adapted Malignancy Synthesis (Nguyen et al.): '
        'malignant lesions are pasted into benign breasts, where Grad-CAM for the '
        'benign class is strongest; OUT/saliency.npz is written too (alone by '
        'tools/saliency.py). With blending adversarial networks (Lin et al.): lesions '
        'of a bank are blended into normal views at random places.', EXAMPLE)
    arguments.add_argument('config', help='config file of a DIVF-Net or a BlendingGAN')
    arguments.add_argument(
        'checkpoint', nargs='?', help='its checkpoint; none with --poisson or '
        '--mixed-gradients')
    arguments.add_argument(
        '--out', required=True, metavar='DIR', help='data root to write')
    arguments.add_argument(
        '--count', type=int, metavar='N',
        help='breasts to make (default: as many as balance the classes), or images '
        f'(default: {BLENDED})')
    arguments.add_argument(
        '--seed', type=int, default=0, help='seed of all choices (default: 0)')
    arguments.add_argument(
        '--preview', type=int, metavar='N',
        help='write N cases to OUT/preview.png and stop: as in figure 4 of Nguyen et '
        'al., or figure 5 of Lin et al.')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    malignancy = arguments.add_argument_group('of Soft-Adapted Malignancy Synthesis')
    malignancy.add_argument(
        '--beta', type=float, default=0.01,
        help='half width of the Fourier window, 0 to 1 (default: %(default)s)')
    malignancy.add_argument(
        '--adapt', choices=['malignant', 'benign'], default='malignant',
        help='the patch that takes the style of the other: benign is eq. 8 as written '
        '(default: %(default)s)')
    malignancy.add_argument(
        '--sigma', type=float, nargs=2, default=list(SoftMask().sigma_range),
        metavar=('LOW', 'HIGH'),
        help='of soft masks, in shorter sides of the patch (default: '
        f'{" ".join(map(str, SoftMask().sigma_range))})')
    malignancy.add_argument(
        '--saliency-class', choices=CLASSES, default='benign',
        help='class of Grad-CAM over benign breasts (default: %(default)s)')
    malignancy.add_argument(
        '--context', type=float, default=2.,
        help='factor by which the box of a lesion grows before it is cut out '
        '(default: %(default)s; the paper has 1)')
    malignancy.add_argument(
        '--independent-views', action='store_true',
        help='choose the place in each view by itself, as in the paper, instead of at '
        'the same distance from the nipple')
    malignancy.add_argument(
        '--without', nargs='+', choices=['fourier', 'soft-mask'], default=[],
        help='stages to leave out, as in table 2 of the paper')
    # what is another command now is told apart from what never was
    malignancy.add_argument('--saliency-only', action='store_true', help=SUPPRESS)
    blending = arguments.add_argument_group('of blending adversarial networks')
    blending.add_argument(
        '--poisson', action='store_true',
        help="blend by Poisson image editing, OpenCV's, instead of a generator")
    blending.add_argument(
        '--mixed-gradients', action='store_true',
        help="blend by the exact solution of the paper's equation 4 instead")
    blending.add_argument(
        '--compare', nargs=2, action='append', default=[],
        metavar=('CONFIG', 'CHECKPOINT'),
        help='another generator to show in the preview; may be given several times')
    add_config_arguments(arguments)
    args = arguments.parse_args()
    if args.saliency_only:
        arguments.error('--saliency-only: is a command of its own, python '
                        'tools/saliency.py CONFIG CHECKPOINT --out DIR')
    if args.count is not None and args.count < 1:
        arguments.error(f'--count {args.count}: expected at least 1')
    if args.seed < 0 or not 0 <= args.beta <= 1 or args.context <= 0:
        arguments.error('--seed: 0 or more, --beta: from 0 to 1, --context: above 0')
    if not 0 < args.sigma[0] <= args.sigma[1]:
        arguments.error(f'--sigma {args.sigma[0]} {args.sigma[1]}: expected two rising '
                        'shares above 0')
    if args.adapt == 'benign' and args.without == ['soft-mask']:
        arguments.error('--adapt benign --without soft-mask: nothing of the adapted '
                        'patch would show; leave one of them out')
    if args.preview is not None and args.preview < 1:
        arguments.error(f'--preview {args.preview}: expected at least 1')
    # what the other method knows
    args.foreign = {
        blended: [f'--{name.replace("_", "-")}' for name in names
                  if getattr(args, name) != arguments.get_default(name)]
        for blended, names in (
            (True, ('beta', 'adapt', 'sigma', 'saliency_class', 'context',
                    'independent_views', 'without')),
            (False, (*SOLVED, 'compare')))
    }
    return args


def makes_whole_images(cfg: Config) -> bool:
    """Tell whether a config's generator makes images of noise, lesions included."""
    return type_name(cfg.model.generator) == 'NoiseGenerator'


def blend(args: Namespace, cfg: Config) -> None:
    """Blend lesions into normal views."""
    out = Path(args.out)
    solved = [name for name in SOLVED if getattr(args, name)]
    if solved:
        flags = ' and '.join(f"--{name.replace('_', '-')}" for name in solved)
        if args.checkpoint or len(solved) > 1:
            raise ConfigError(f'{flags}: ' + (
                'takes no checkpoint' if args.checkpoint else 'give one of them'))
        method, by = SOLVED[solved[0]]
    elif makes_whole_images(cfg) and not args.preview:
        raise ConfigError(f'{args.config}: makes whole images of noise, in which no '
                          'lesion has a known place; look at them by --preview')
    else:
        method = Path(cfg.filename).stem
        by = blend_by(trained_model_of(
            'BlendingGAN', cfg, args.checkpoint, args.device, args.trust_checkpoint))
    images = BlendedImages(
        *loaded_normals(cfg), out, args.seed,
        None if solved else dict(checkpoint=args.checkpoint))
    if not args.preview:
        report(images.write(args.count or BLENDED, by, method), out)
        return
    torch.manual_seed(args.seed)  # of generators of whole images
    whole = not solved and makes_whole_images(cfg)
    shown = {method: (None if whole else images.paste, by)}
    shown.update({title: (images.paste, each) for title, each in SOLVED.values()})
    for config, checkpoint in args.compare:
        other = load_config(config, args.cfg_options)
        others = BlendedImages(*loaded_normals(other), out, args.seed)
        pasting = None if makes_whole_images(other) else others.paste
        shown[Path(config).stem] = (pasting, blend_by(
            trained_model_of('BlendingGAN', other, checkpoint, args.device,
                             args.trust_checkpoint)))
    show(images.panels(args.preview, shown), images.dataset.ann_file, out)


def paste(args: Namespace, cfg: Config) -> None:
    """Paste malignant lesions into benign breasts."""
    out = Path(args.out)
    trained = trained_model_of(
        'DIVFNet', cfg, args.checkpoint, args.device, args.trust_checkpoint)
    loaded = loaded_breasts(cfg)
    file = out / 'saliency.npz'
    saliency = training_saliency(trained, args.saliency_class, file)
    ways = synthesis_stages(
        saliency, args.beta, dict(sigma_range=tuple(args.sigma)), adapt=args.adapt,
        context=args.context, same_distance=not args.independent_views)
    exams = SyntheticExams(
        loaded, ways[WAYS[frozenset(args.without)]], out, args.seed,
        dict(checkpoint=args.checkpoint, saliency=file))
    if args.preview:
        show(exams.panels(args.preview, ways), loaded.ann_file, out)
        return
    count = args.count or exams.balancing
    if not count:
        raise AnnotationError(
            f'{loaded.ann_file}: malignant breasts are not fewer than benign '
            'ones; say by --count how many to make')
    report(exams.write(count), out)
    print(exams.summary())


def show(rows: list, ann_file: str, out: Path) -> None:
    """Draw the preview."""
    if not rows:
        raise AnnotationError(f'{ann_file}: no lesion found a place')
    plot_panels(rows, out / 'preview.png')
    print(f'preview: {out / "preview.png"}')


def report(counts: Counter, out: Path) -> None:
    """Say what was written."""
    print(', '.join(f'{count} {what}' for what, count in counts.items()))
    print(f'annotations: {out / "annotations/train.json"}')


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        blended = any(
            type_name(dataset) == 'BlendingDataset'
            for _, dataset in innermost_datasets('train_dataloader.dataset',
                                                 cfg.train_dataloader.dataset))
        if args.foreign[blended]:
            raise ConfigError(f"{', '.join(args.foreign[blended])}: not of the method "
                              f'of {args.config}; see --help')
        (blend if blended else paste)(args, cfg)


if __name__ == '__main__':
    main()
