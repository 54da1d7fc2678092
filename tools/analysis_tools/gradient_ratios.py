"""Compare the adversarial gradient of a blending generator with that of L_S."""
from argparse import Namespace
from typing import Dict, Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import initialize
from mmengine.runner import set_random_seed
from torch import Tensor
from torch.utils.data import default_collate
from tqdm import tqdm

from mammo_plugins.apis import trained_model_of
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.runs import check_device
from mammo_plugins.models import BlendingGAN, PatchDiscriminator
from mammo_plugins.models.gans.blending_gan import gradient_norms
from mammo_plugins.registry import DATASETS, MODELS

EXAMPLE = ('python tools/analysis_tools/gradient_ratios.py '
           'configs/blending/blending-gan_phantom.py')
# what the adversarial loss is averaged over: title, BlendingGAN.everywhere
AVERAGES = {'patches at the region': False, 'all patches': True}


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


def models(args: Namespace, cfg: Config) -> Iterator[BlendingGAN]:
    """Yield the model of each draw.

    Raises:
        ConfigError: If it has no patches to average over or no L_S.
    """
    trained = args.checkpoint and trained_model_of(
        'BlendingGAN', cfg, args.checkpoint, args.device, args.trust_checkpoint).model
    for draw in range(args.draws):
        set_random_seed(draw)
        model = trained
        if model is None:
            with MODELS.switch_scope_and_registry(cfg.default_scope):
                model = MODELS.build(cfg.model)
        if not (isinstance(model, BlendingGAN) and model.prior_weight
                and isinstance(model.discriminator, PatchDiscriminator)
                and model.loss_seamless is not None):
            raise ConfigError(f'{cfg.filename}: model: expected a BlendingGAN with a '
                              'PatchDiscriminator, seamless=True and a prior_weight')
        if model is not trained:
            # init_weights would log each parameter
            initialize(model.discriminator, model.discriminator.init_cfg)
            model.to(args.device or get_device())
        yield model


def ratios(model: BlendingGAN, inputs: Dict[str, Tensor]) -> Dict[str, float]:
    """Return the ratio of both gradients' norms by what the first is averaged over.

    Args:
        model (BlendingGAN): The model.
        inputs (dict[str, Tensor]): As of its ``forward``.
    """
    with torch.no_grad():
        output = model(inputs)
    output.requires_grad_()
    found = {}
    for title, model.everywhere in AVERAGES.items():
        norms = gradient_norms(model.generator_losses(inputs, output), output)
        found[title] = (norms['grad_adversarial'] / norms['grad_seamless']).item()
    return found


def one_in(ratio: float) -> str:
    """Return a ratio as a fraction of 1, such as '1/8.3'."""
    return f'1/{1 / ratio:.1f}' if ratio > 0.1 else f'1/{1 / ratio:.0f}'


def main() -> None:
    """Measure and print a table."""
    args = parse_args()
    with user_errors():
        check_device(args.device)
        cfg = load_config(args.config, args.cfg_options)
        found, sizes, dataset = [], [], None
        for model in tqdm(models(args, cfg), total=args.draws, desc='draws',
                          unit='draw'):
            if dataset is None:
                with DATASETS.switch_scope_and_registry(cfg.default_scope):
                    dataset = DATASETS.build(cfg.train_dataloader.dataset)
            chosen = np.random.permutation(len(dataset))
            batch = default_collate([
                dataset[i] for i in chosen[:cfg.train_dataloader.batch_size]])
            inputs = model.data_preprocessor(batch)['inputs']
            found.append(ratios(model, inputs))
            sizes += inputs['mask'].sum(dim=(1, 2, 3)).tolist()
    number, _, height, width = inputs['mask'].shape
    channels = model.discriminator.layers[0].out_channels
    print(f"{args.config}, {'trained' if args.checkpoint else 'untrained'}: "
          f'discriminator of {channels} channels, {args.draws} batches of {number} '
          f'images of {height} x {width} pixels, regions as large as a disc of '
          f'{2 * np.sqrt(np.median(sizes) / np.pi):.0f} pixels across (median)')
    print('| adversarial loss averaged over | median | range |\n|---|---|---|')
    for title in AVERAGES:
        each = [one[title] for one in found]
        print(f'| {title} | {one_in(np.median(each))} | {one_in(min(each))} to '
              f'{one_in(max(each))} |')


if __name__ == '__main__':
    main()
