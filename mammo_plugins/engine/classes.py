"""Check that data, heads and checkpoint have the same classes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.models import GARPNHead, RPNHead
from mmdet.models.roi_heads.mask_heads import FusedSemanticHead
from mmengine.config import Config
from mmpretrain.models.heads import ClsHead
from torch import nn

from mammo_plugins.datasets import ExamDataset, PatchDataset
from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.data_configs import (
    dataloaders,
    dataset_class,
    innermost_datasets,
)
from mammo_plugins.structures import AnnotationError

Classes = tuple[str, ...]
# ``LabelRule`` and ``PatchDataset`` distinguish negative and positive
_LABELS = ('negative', 'positive')


def classes_of(
    field: str, dataset: Mapping[str, Any], scope: str | None
) -> Classes | None:
    """Return the classes of a data set from its config.

    Args:
        field (str): Its field in the run's config.
        dataset (dict): Config of a data set that does not wrap another.
        scope (str, optional): Default scope of plain names.

    Returns:
        tuple[str], optional: ``None`` if the data set has no classes.

    Raises:
        AnnotationError: If they are not a list of names.
    """
    owner = dataset_class(dataset, scope)
    if not hasattr(owner, '_load_metainfo'):
        return None
    classes = owner._load_metainfo(dataset.get('metainfo')).get('classes')
    if isinstance(classes, str):
        raise AnnotationError(
            f'{field}.metainfo.classes: {classes!r} is a text; expected a tuple of '
            f'names, such as ({classes!r}, ) with a comma for one'
        )
    return None if classes is None else tuple(classes)


def _labels_of(
    dataset: Mapping[str, Any], classes: Classes, scope: str | None
) -> Classes | None:
    """Return the classes that a data set assigns to whole samples."""
    owner = dataset_class(dataset, scope)
    if not isinstance(owner, type) or not issubclass(owner, ExamDataset):
        return classes
    if dataset.get('labels') or issubclass(owner, PatchDataset):
        return _LABELS
    return None


def _heads(model: nn.Module) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield (name, head, whether it classifies whole samples) of heads with classes."""
    for name, module in model.named_modules():
        number = getattr(module, 'num_classes', None)
        first_stage = name.endswith('rpn_head') or isinstance(
            module, (RPNHead, GARPNHead, FusedSemanticHead)
        )
        if not isinstance(number, int) or first_stage or '.backbone' in f'.{name}':
            continue
        yield name, module, name == 'data_preprocessor' or isinstance(module, ClsHead)


def check_classes(cfg: Config, model: nn.Module, parts: Sequence[str]) -> None:
    """Compare the classes of data sets with each other and with all heads.

    Args:
        cfg (Config): The run's config.
        model (nn.Module): Its model, without wrapper.
        parts (Sequence[str]): The used ones of 'train', 'val' and 'test'.

    Raises:
        AnnotationError: With all names and numbers, if they differ.
    """
    scope = cfg.get('default_scope')
    lesions, labels = {}, {}
    for place, loader in dataloaders(cfg, parts):
        for field, inner in innermost_datasets(
            f'{place}.dataset', loader.get('dataset') or {}
        ):
            classes = classes_of(field, inner, scope)
            if classes is None:
                continue
            lesions[field] = getattr(model, 'own_classes', classes)
            named = _labels_of(inner, classes, scope)
            if named is not None:
                labels[field] = named
    for whole, given in ((False, lesions), (True, labels)):
        heads = {
            f'model.{name}.num_classes': head.num_classes
            for name, head, judges in _heads(model)
            if judges is whole
        }
        numbers = {len(classes) for classes in given.values()} | set(heads.values())
        if given and (len(numbers) > 1 or len(set(given.values())) > 1):
            said = [
                f'{field} has {len(names)} ({", ".join(names)})'
                for field, names in given.items()
            ]
            said += [f'{field} is {number}' for field, number in heads.items()]
            mend = (
                'labels have two classes'
                if whole
                else (
                    'metainfo=dict(classes=...) of each dataset, in one order, '
                    'and num_classes of each head must agree'
                )
            )
            raise AnnotationError(f'classes differ: {"; ".join(said)}: {mend}')


def checkpoint_classes(checkpoint: Mapping[str, Any]) -> Classes | None:
    """Return the classes that a checkpoint was trained on, or ``None`` if not stated.

    Args:
        checkpoint (dict): A loaded checkpoint, of mmdet 3 or 2.
    """
    meta = checkpoint.get('meta') or {}
    told = meta.get('dataset_meta') or {}
    classes = told.get('classes') or told.get('CLASSES') or meta.get('CLASSES')
    if not classes:
        return None
    return (classes,) if isinstance(classes, str) else tuple(classes)


def check_checkpoint_classes(
    checkpoint: Mapping[str, Any], cfg: Config, parts: Sequence[str], name: str
) -> None:
    """Compare the classes of a checkpoint with those of the data.

    Args:
        checkpoint (dict): A loaded checkpoint.
        cfg (Config): The run's config.
        parts (Sequence[str]): As in :func:`check_classes`.
        name (str): Name of the checkpoint in the error.

    Raises:
        CheckpointError: If they differ in number, name or order.
    """
    trained = checkpoint_classes(checkpoint)
    if trained is None:
        return
    for place, loader in dataloaders(cfg, parts):
        for field, inner in innermost_datasets(
            f'{place}.dataset', loader.get('dataset') or {}
        ):
            classes = classes_of(field, inner, cfg.get('default_scope'))
            if classes is not None and classes != trained:
                raise CheckpointError(
                    f'{name}: trained on {len(trained)} classes '
                    f'({", ".join(trained)}), but {field} has {len(classes)} '
                    f'({", ".join(classes)}); set metainfo=dict(classes=...) '
                    'there to those of the checkpoint, in their order, or use '
                    'another checkpoint'
                )
