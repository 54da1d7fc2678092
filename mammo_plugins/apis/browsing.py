"""Pictures of the images that a data set gives to the network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.config import Config
from torch import Tensor
from tqdm import tqdm

from mammo_plugins.engine.data_configs import dataloaders
from mammo_plugins.engine.loops.stages import no_such_stage, stages_of
from mammo_plugins.io import write_json
from mammo_plugins.registry import DATASETS, SCOPE
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.visualization.inputs import write_input

from .config_loading import ConfigError


def data_set_of(cfg: Config, part: str, stage: str = ''):
    """Build the data set of a config's part.

    Args:
        cfg (Config): The config of a run.
        part (str): 'train', 'val' or 'test'.
        stage (str): Stage of a staged training. Defaults to '', the first one.

    Raises:
        ConfigError: If the config has no such data set or stage.
    """
    stages = [each.name for each in stages_of(cfg)]
    if stage and part != 'train':
        raise ConfigError(
            f'--stage {stage}: stages have data of their own to train, '
            f'and one {part}_dataloader; leave --stage out'
        )
    if stage not in ['', *stages]:
        raise ConfigError(
            f'--stage {stage}: {cfg.filename} has '
            + (
                no_such_stage(stage, stages)
                if stages
                else 'no stages; leave --stage out'
            )
        )
    found = {
        field: loader
        for field, loader in dataloaders(cfg, [part])
        if not field.endswith('detections.dataloader')
        and (not stage or field == f'train_cfg.stages.{stage}.train_dataloader')
    }
    if not found:
        loaders = ', '.join(key for key in cfg if key.endswith('_dataloader'))
        raise ConfigError(
            f'{cfg.filename}: no data loader for {part}; it has {loaders or "none"}'
        )
    loader = next(iter(found.values()))
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', SCOPE)):
        return DATASETS.build(loader.dataset)


def views_of_packed(packed: dict) -> Iterator[tuple[str, Tensor, object]]:
    """Yield (name, image, annotations) of a packed sample.

    Args:
        packed (dict): ``inputs`` (an image, or images by view) and ``data_samples``.
    """
    inputs, sample = packed['inputs'], packed.get('data_samples')
    if not isinstance(inputs, dict):
        yield '', inputs, sample
        return
    for name, image in inputs.items():
        if image is not None:  # a missing view
            yield (
                name,
                image,
                (sample.get(name) if isinstance(sample, MultiViewDataSample) else None),
            )


def browse(dataset, number: int, out_dir: str | Path) -> int:
    """Write the first samples of a data set as the network receives them.

    Args:
        dataset (Dataset): With its pipeline.
        number (int): Number of samples.
        out_dir (str | Path): Folder for one PNG file per view, and ``samples.json``
            with the source file of each.

    Returns:
        int: The number of pictures.

    Raises:
        ConfigError: If ``out_dir`` contains pictures of an earlier run.
    """
    out_dir = Path(out_dir)
    if any(
        next(out_dir.glob(made), None)
        for made in (f'{"[0-9]" * 5}*.png', 'samples.json')
    ):
        raise ConfigError(
            f'{out_dir}: holds pictures of an earlier run; choose another '
            'folder, or remove it first'
        )
    listed = []
    for i in tqdm(range(min(number, len(dataset))), desc='samples', unit='sample'):
        for name, image, sample in views_of_packed(dataset[i]):
            file_name = f'{i:05d}{"_" if name else ""}{name.replace(" ", "_")}.png'
            write_input(np.asarray(image), sample, out_dir / file_name)
            listed.append(
                dict(file=file_name, img_path=getattr(sample, 'img_path', None))
            )
    write_json(out_dir / 'samples.json', listed)
    return len(listed)
