"""Synthetic training images must not come from what is validated or tested on."""
import os.path as osp
from typing import Dict, Iterator, Set, Tuple

from mmengine.config import Config

from mammo_plugins.engine.data_configs import image_roots, innermost_datasets
from mammo_plugins.structures import load_coco, synthetic_images
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
                yield field, path, load_coco(path, image_roots(inner))


def _source(data: dict) -> str:
    """Return by what name the data set's images go, '' where it has none."""
    info = data.get('info')
    name = info.get('dataset') if isinstance(info, dict) else None
    return source_dataset(name) if isinstance(name, str) else ''


def check_synthetic_sources(cfg: Config) -> None:
    """Raise :class:`ConfigError` if synthetic images show held-out patients.

    Each synthetic image tells the files that it was made of, ``images[].synthetic``,
    and has the patient of its background. Both are looked up in what is validated
    and tested on, of the same data set.

    Args:
        cfg (Config): The config of a training.

    Raises:
        AnnotationError: If an annotation file cannot be used.
    """
    made = [(field, path, data) for field, path, data in _annotations(cfg, 'train')
            if synthetic_images(data)]
    if not made:
        return
    held: Dict[Tuple[str, str], str] = {}  # (data set, patient or file) -> where
    for part in ('val', 'test'):
        for _, path, data in _annotations(cfg, part):
            source = _source(data)
            for image in data['images']:
                for key in ('patient_id', 'file_name'):
                    if isinstance(image.get(key), str):
                        held[source, image[key]] = path
    for field, path, data in made:
        source = _source(data)
        for image in synthetic_images(data):
            names: Set[str] = {image['patient_id'], *(
                value for value in image['synthetic'].values()
                if isinstance(value, str))}
            shown = sorted(name for name in names if (source, name) in held)
            if shown:
                raise ConfigError(
                    f'{field}: {path}: image {image["file_name"]} was made of '
                    f'{shown[0]}, which {held[source, shown[0]]} holds too; make '
                    'synthetic images of the training part of this fold alone')
