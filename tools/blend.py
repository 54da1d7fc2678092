"""Blend masses into normal views, for training."""
from argparse import Namespace
from pathlib import Path

import torch
from mmengine.config import Config

from mammo_plugins.apis import (BlendedImages, blend_by, blend_by_mixed_gradients,
                                blend_by_poisson, loaded_normals,
                                makes_blended_images, makes_whole_images,
                                trained_model_of)
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.cli.synthesis import (add_synthesis_arguments,
                                         check_synthesis_arguments, report,
                                         write_preview)

EXAMPLE = ('python tools/blend.py configs/blending/blending-gan_inbreast.py '
           'work_dirs/blending-gan_inbreast/epoch_200.pth '
           '--out data/inbreast_blending --count 200')
BLENDED = 200  # images that Lin et al. make of INbreast

# blending without a generator, by option
SOLVED = {
    'poisson': ('Poisson image editing (OpenCV)', blend_by_poisson),
    'mixed_gradients': ('Mixed gradients, exact', blend_by_mixed_gradients)
}


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Make synthetic images from the training set of a config of blending '
        'adversarial networks (Lin et al.): lesions of a bank are blended into normal '
        'views at random places. Write OUT/images and OUT/annotations/train.json, which '
        'says how each was made.', EXAMPLE)
    arguments.add_argument('config', help='config file of a BlendingGAN')
    arguments.add_argument(
        'checkpoint', nargs='?', help='its checkpoint; none with --poisson or '
        '--mixed-gradients')
    add_synthesis_arguments(arguments, f'images to make (default: {BLENDED})',
                            'as in figure 5 of Lin et al.')
    arguments.add_argument(
        '--poisson', action='store_true',
        help="blend by Poisson image editing, OpenCV's, instead of a generator")
    arguments.add_argument(
        '--mixed-gradients', action='store_true',
        help="blend by the exact solution of the paper's equation 4 instead")
    arguments.add_argument(
        '--compare', nargs=2, action='append', default=[],
        metavar=('CONFIG', 'CHECKPOINT'),
        help='another generator to show in the preview; may be given several times. A '
        'training with options of its own keeps its config in its work directory')
    args = arguments.parse_args()
    check_synthesis_arguments(arguments, args)
    return args


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
    stems = [method, *(Path(config).stem for config, _ in args.compare)]
    for config, checkpoint in args.compare:
        other = load_config(config, args.cfg_options)
        others = BlendedImages(*loaded_normals(other), out, args.seed)
        pasting = None if makes_whole_images(other) else others.paste
        title, path = Path(config).stem, Path(checkpoint).resolve()
        # of one config may be several trainings, of one training several checkpoints
        if stems.count(title) > 1:
            title = path.parent.name
        if title in shown:
            title = f'{title}, {path.stem}'
        shown[title] = (pasting, blend_by(
            trained_model_of('BlendingGAN', other, checkpoint, args.device,
                             args.trust_checkpoint)))
    write_preview(images.panels(args.preview, shown), images.dataset.ann_file, out)


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        if not makes_blended_images(cfg):
            raise ConfigError(f'{args.config}: its training set is no BlendingDataset; '
                              'breasts of a DIVF-Net are made by tools/synthesize.py')
        blend(args, cfg)


if __name__ == '__main__':
    main()
