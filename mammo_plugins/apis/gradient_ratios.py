"""Adversarial gradient of a blending generator, compared with that of L_S."""

from collections.abc import Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import initialize
from mmengine.runner import set_random_seed
from torch import Tensor
from torch.utils.data import default_collate
from tqdm import tqdm

from mammo_plugins.models import BlendingGAN, PatchDiscriminator
from mammo_plugins.models.gans.blending_gan import gradient_norms
from mammo_plugins.registry import DATASETS, MODELS

from .config_loading import ConfigError

# area that the adversarial loss is averaged over: title, BlendingGAN.everywhere
AVERAGES = {'patches at the region': False, 'all patches': True}


def models(
    cfg: Config, draws: int, device: str | None, trained: BlendingGAN | None
) -> Iterator[BlendingGAN]:
    """Yield the model for each draw.

    Raises:
        ConfigError: If the config has no patches to average over, or no L_S.
    """
    for draw in range(draws):
        set_random_seed(draw)
        model = trained
        if model is None:
            with MODELS.switch_scope_and_registry(cfg.default_scope):
                model = MODELS.build(cfg.model)
        if not (
            isinstance(model, BlendingGAN)
            and model.prior_weight
            and isinstance(model.discriminator, PatchDiscriminator)
            and model.loss_seamless is not None
        ):
            raise ConfigError(
                f'{cfg.filename}: model: expected a BlendingGAN with a '
                'PatchDiscriminator, seamless=True and a prior_weight'
            )
        if model is not trained:
            # init_weights would log each parameter
            initialize(model.discriminator, model.discriminator.init_cfg)
            model.to(device or get_device())
        yield model


def ratios(model: BlendingGAN, inputs: dict[str, Tensor]) -> dict[str, float]:
    """Return the ratio of both gradients' norms, by area that the first averages over.

    Args:
        model (BlendingGAN): The model.
        inputs (dict[str, Tensor]): As in its ``forward``.
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


def report(
    cfg: Config,
    draws: int,
    device: str | None = None,
    trained: BlendingGAN | None = None,
) -> None:
    """Measure and print a table.

    Args:
        cfg (Config): Config of blending adversarial networks.
        draws (int): Number of batches, each with its own untrained discriminator.
        device (str, optional): Defaults to ``None``, a GPU if there is one.
        trained (BlendingGAN, optional): Trained networks to use instead. Defaults to
            ``None``.
    """
    found, sizes, dataset = [], [], None
    for model in tqdm(
        models(cfg, draws, device, trained), total=draws, desc='draws', unit='draw'
    ):
        if dataset is None:
            with DATASETS.switch_scope_and_registry(cfg.default_scope):
                dataset = DATASETS.build(cfg.train_dataloader.dataset)
        chosen = np.random.permutation(len(dataset))
        batch = default_collate(
            [dataset[i] for i in chosen[: cfg.train_dataloader.batch_size]]
        )
        inputs = model.data_preprocessor(batch)['inputs']
        found.append(ratios(model, inputs))
        sizes += inputs['mask'].sum(dim=(1, 2, 3)).tolist()
    number, _, height, width = inputs['mask'].shape
    channels = model.discriminator.layers[0].out_channels
    print(
        f'{cfg.filename}, {"untrained" if trained is None else "trained"}: '
        f'discriminator of {channels} channels, {draws} batches of {number} '
        f'images of {height} x {width} pixels, regions as large as a disc of '
        f'{2 * np.sqrt(np.median(sizes) / np.pi):.0f} pixels across (median)'
    )
    print('| adversarial loss averaged over | median | range |\n|---|---|---|')
    for title in AVERAGES:
        each = [one[title] for one in found]
        print(
            f'| {title} | {one_in(np.median(each))} | {one_in(min(each))} to '
            f'{one_in(max(each))} |'
        )
