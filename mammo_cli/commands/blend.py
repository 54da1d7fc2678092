"""Blend masses into normal views for training."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors
from mammo_cli.runs import check_device
from mammo_cli.synthetic_images import (
    add_synthesis_arguments,
    check_synthesis_arguments,
    report,
    write_preview,
)

if TYPE_CHECKING:
    from mmengine.config import Config

BLENDED = 200  # images that Lin et al. create from INbreast
SOLVING = ('poisson', 'mixed_gradients')  # options that blend without a generator


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file of a BlendingGAN model')
    arguments.add_argument(
        'checkpoint',
        nargs='?',
        help='its checkpoint; omit it with --poisson or --mixed-gradients',
    )
    add_synthesis_arguments(
        arguments,
        f'images to make (default: {BLENDED})',
        'as in figure 5 of Lin et al.',
    )
    arguments.add_argument(
        '--poisson',
        action='store_true',
        help="blend with Poisson image editing (OpenCV's) instead of a generator",
    )
    arguments.add_argument(
        '--mixed-gradients',
        action='store_true',
        help="blend with the exact solution of the paper's equation 4 instead",
    )
    arguments.add_argument(
        '--compare',
        nargs=2,
        action='append',
        default=[],
        metavar=('CONFIG', 'CHECKPOINT'),
        help='another generator to show in the preview; repeat for several. A '
        'training with its own options keeps its config in its work '
        'directory',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse two blending methods at once."""
    check_synthesis_arguments(parser, args)
    solving = [name for name in SOLVING if getattr(args, name)]
    if solving and (args.checkpoint or len(solving) > 1):
        flags = ' and '.join(f'--{name.replace("_", "-")}' for name in solving)
        refuse(
            f'{flags}: '
            + ('takes no checkpoint' if args.checkpoint else 'give one of them')
        )


def run(args: argparse.Namespace) -> None:
    """Blend, if the config is for blending."""
    from mammo_plugins.apis import makes_blended_images
    from mammo_plugins.apis.config_loading import ConfigError, load_config

    with user_errors(args):
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        if not makes_blended_images(cfg):
            raise ConfigError(
                f'{args.config}: its training set is not a BlendingDataset; '
                'breasts of a DIVF-Net are made by mammo synthesize'
            )
        blend(args, cfg)


def blend(args: argparse.Namespace, cfg: 'Config') -> None:
    """Blend lesions into normal views."""
    import torch

    from mammo_plugins.apis import (
        BlendedImages,
        blend_by,
        blend_by_mixed_gradients,
        blend_by_poisson,
        loaded_normals,
        makes_whole_images,
        trained_model_of,
    )
    from mammo_plugins.apis.config_loading import ConfigError, load_config

    solved = dict(
        poisson=('Poisson image editing (OpenCV)', blend_by_poisson),
        mixed_gradients=('Mixed gradients, exact', blend_by_mixed_gradients),
    )
    out = Path(args.out)
    solving = next((name for name in SOLVING if getattr(args, name)), None)
    if solving:
        method, by = solved[solving]
    elif makes_whole_images(cfg) and not args.preview:
        raise ConfigError(
            f'{args.config}: makes whole images of noise, in which no '
            'lesion has a known place; look at them by --preview'
        )
    else:
        method = Path(cfg.filename).stem
        by = blend_by(
            trained_model_of(
                'BlendingGAN', cfg, args.checkpoint, args.device, args.trust_checkpoint
            )
        )
    images = BlendedImages(
        *loaded_normals(cfg),
        out,
        args.seed,
        None if solving else dict(checkpoint=args.checkpoint),
    )
    if not args.preview:
        report(images.write(args.count or BLENDED, by, method), out)
        return
    torch.manual_seed(args.seed)  # for generators of whole images
    whole = not solving and makes_whole_images(cfg)
    shown = {method: (None if whole else images.paste, by)}
    shown.update({title: (images.paste, each) for title, each in solved.values()})
    stems = [method, *(Path(config).stem for config, _ in args.compare)]
    for config, checkpoint in args.compare:
        other = load_config(config, args.cfg_options)
        others = BlendedImages(*loaded_normals(other), out, args.seed)
        pasting = None if makes_whole_images(other) else others.paste
        title, path = Path(config).stem, Path(checkpoint).resolve()
        # one config may have several trainings, and one training several checkpoints
        if stems.count(title) > 1:
            title = path.parent.name
        if title in shown:
            title = f'{title}, {path.stem}'
        shown[title] = (
            pasting,
            blend_by(
                trained_model_of(
                    'BlendingGAN', other, checkpoint, args.device, args.trust_checkpoint
                )
            ),
        )
    write_preview(images.panels(args.preview, shown), images.dataset.ann_file, out)


COMMAND = Command(
    'tools/blend.py',
    'Create synthetic images from the training set of a blending adversarial '
    'network config (Lin et al.): lesions from a bank are blended into normal '
    'views at random places. Writes OUT/images and OUT/annotations/train.json, '
    'which records how each image was created.',
    '{command} configs/blending/blending-gan_inbreast.py '
    'work_dirs/blending-gan_inbreast/epoch_200.pth '
    '--out data/inbreast_blending --count 200',
    add_arguments,
    run,
    check,
    configs=('config', 'compare'),
)
