"""Synthetic training images must not come from what is validated or tested on."""
import os.path as osp
from typing import Dict, Iterator, Set, Tuple

import mmengine
from mmengine.config import Config

from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.structures.lesion_bank import source_dataset

from .command_line import ConfigError


def _annotations(cfg: Config, part: str) -> Iterator[Tuple[str, str, dict]]:
    """Yield (field, path, annotation) of a part's data sets."""
    dataset = (cfg.get(f'{part}_dataloader') or {}).get('dataset')
    if not dataset:
        return
    for field, inner in innermost_datasets(f'{part}_dataloader.dataset', dataset):
        if inner.get('ann_file'):
            path = osp.join(inner.get('data_root') or '', inner.ann_file)
            if osp.isfile(path):  # a test part may come later
                # mmdet's data sets too, which need not be exams
                yield field, path, mmengine.load(path, file_format='json')


def check_synthetic_sources(cfg: Config) -> None:
    """Raise :class:`ConfigError` if synthetic images show held-out patients.

    Each synthetic image tells the files that it was made of, ``images[].synthetic``,
    and has the patient of its background. Both are looked up in what is validated
    and tested on, of the same data set.

    Args:
        cfg (Config): The config of a training.
    """
    made = [(field, path, data) for field, path, data in _annotations(cfg, 'train')
            if any('synthetic' in image for image in data.get('images', ()))]
    if not made:
        return
    held: Dict[Tuple[str, str], str] = {}  # (data set, patient or file) -> where
    for part in ('val', 'test'):
        for _, path, data in _annotations(cfg, part):
            source = source_dataset(data.get('info', {}).get('dataset', ''))
            for image in data.get('images', ()):
                for key in ('patient_id', 'file_name'):
                    if key in image:
                        held[source, image[key]] = path
    for field, path, data in made:
        source = source_dataset(data['info']['dataset'])
        for image in data['images']:
            names: Set[str] = {image['patient_id']} if 'synthetic' in image else set()
            names |= {value for value in image.get('synthetic', {}).values()
                      if isinstance(value, str)}
            shown = sorted(name for name in names if (source, name) in held)
            if shown:
                raise ConfigError(
                    f'{field}: {path}: image {image["file_name"]} was made of '
                    f'{shown[0]}, which {held[source, shown[0]]} holds too; make '
                    'synthetic images of the training part of this fold alone')
