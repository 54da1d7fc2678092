"""Checks of the named data sets, steps and metrics of a config."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.dataset import ConcatDataset

from mammo_plugins.datasets import ExamDataset, NamedConcatDataset, NamedMixDataset
from mammo_plugins.datasets.pipeline import ORDER, is_named, named_steps
from mammo_plugins.datasets.transforms import ForEachView, WithCleanImage
from mammo_plugins.evaluation.metrics import NamedEvaluator

from .known_settings import named_classes, nearest_or_all

PART = 'a dict of settings'
_OF_STEPS = (ForEachView, WithCleanImage, ExamDataset, NamedMixDataset)
# settings that accept named parts instead of a list
TAKE_NAMES = (*_OF_STEPS, NamedConcatDataset, NamedEvaluator)
_LIBRARIES = {'mammo_plugins', 'mmcv', 'mmdet', 'mmengine', 'mmpretrain', 'torch'}
_VERBS = dict(val='validates', test='tests')


def expected(value: Any, what: str) -> str:
    """Return what is wrong with a value.

    Args:
        value (Any): The value.
        what (str): The expected content.
    """
    shown = repr(value)
    return f'{shown[:60]}{"..." if len(shown) > 60 else ""}; expected {what}'


def is_a(kind: Any, scope: str, classes: tuple[type, ...]) -> bool:
    """Return whether a type is one of the classes.

    Args:
        kind (str | type): The ``type`` in a config.
        scope (str): The default scope of plain names.
        classes (tuple[type]): The classes.
    """
    return any(
        isinstance(component, type) and issubclass(component, classes)
        for component in named_classes(kind, scope)
    )


def is_of_libraries(component: Any) -> bool:
    """Return whether something is ours or from the libraries, not user code.

    Args:
        component (type | callable): A class, a function or a method.
    """
    module = getattr(component, '__module__', None) or ''
    return module.partition('.')[0] in _LIBRARIES


def _takes_names(kind: Any, scope: str, classes: tuple[type, ...]) -> bool:
    """Return whether a type is one of the classes, or user code.

    A user's class may also accept names, if it has its own constructor.
    """
    found = named_classes(kind, scope) - {None}
    return is_a(kind, scope, classes) or not any(
        is_of_libraries(getattr(component, '__init__', component))
        for component in found
    )


def _no_names(what: str, kind: Any, does: str) -> str:
    return f'{what} by name, which {_name(kind)} does not understand; {does}'


def _steps_not_by_name(kind: Any) -> str:
    does = 'the pipeline of ExamDataset, of its kinds and of NamedMixDataset does'
    return _no_names(
        'steps',
        kind,
        'transforms of ForEachView and WithCleanImage do, '
        f'and {does}; expected a list of steps',
    )


def _name(kind: Any) -> str:
    return getattr(kind, '__name__', str(kind))


def _wrong_named(
    parts: Mapping[str, Any], place: str, what: str
) -> Iterator[tuple[str, str]]:
    """Yield the invalid entries among named parts."""
    whole = {
        str(name)
        for name, part in parts.items()
        if part is None or isinstance(part, dict) and 'type' in part
    }
    for name, part in parts.items():
        if isinstance(part, dict) and 'type' not in part:
            # a typo in a name creates a separate part
            yield (
                f'{place}.{name}',
                (
                    f'a {what} without a type, and none to inherit'
                    f'{nearest_or_all(str(name), whole)}'
                ),
            )
        elif not isinstance(part, (dict, type(None))):
            yield f'{place}.{name}', expected(part, PART + ' or None')


def wrong_metrics(evaluator: Any, place: str, scope: str) -> Iterator[tuple[str, str]]:
    """Yield (dotted setting, fault) for metrics of an evaluator.

    Args:
        evaluator (dict | list, optional): Such as a config's ``val_evaluator``.
        place (str): Its dotted place in the config.
        scope (str): The default scope of plain names.
    """
    if not isinstance(evaluator, dict) or 'metrics' not in evaluator:
        return
    metrics, part = evaluator['metrics'], place.rpartition('.')[2].partition('_')[0]
    place = f'{place}.metrics'
    by_name = isinstance(metrics, dict) and 'type' not in metrics
    held = _by_key(
        metrics if by_name or isinstance(metrics, (list, tuple)) else [metrics]
    )
    kind = evaluator.get('type', 'Evaluator')
    if all(metric is None for metric in held.values()):
        yield (
            place,
            (
                f'{_VERBS[part]} nothing; leave out {part}_dataloader, '
                f'{part}_cfg and {part}_evaluator, or set all to None, to do '
                'without'
            ),
        )
    elif by_name and not _takes_names(kind, scope, (NamedEvaluator,)):
        yield place, _no_names('metrics', kind, 'NamedEvaluator does')
    elif by_name:
        yield from _wrong_named(held, place, 'metric')


def wrong_data_sets(dataset: dict, place: str, scope: str) -> Iterator[tuple[str, str]]:
    """Like :func:`wrong_metrics`, for the data sets in a wrapper.

    Args:
        dataset (dict): The data set's config.
        place (str): Its dotted place in the config.
        scope (str): The default scope of plain names.
    """
    inner: dict[str, Any] = {}
    if 'datasets' in dataset:
        held = dataset['datasets']
        yield from _wrong_held(held, f'{place}.datasets', dataset.get('type'), scope)
        inner = {f'datasets.{key}': part for key, part in _by_key(held).items()}
    if dataset.get('dataset'):
        inner['dataset'] = dataset['dataset']
        if not isinstance(dataset['dataset'], dict):
            yield f'{place}.dataset', expected(dataset['dataset'], PART)
    for name, part in inner.items():
        if isinstance(part, dict):
            yield from wrong_data_sets(part, f'{place}.{name}', scope)


def _by_key(held: Any) -> dict[Any, Any]:
    return dict(
        held
        if isinstance(held, Mapping)
        else enumerate(held if isinstance(held, (list, tuple)) else ())
    )


def _wrong_held(
    held: Any, place: str, kind: Any, scope: str
) -> Iterator[tuple[str, str]]:
    """Yield the faults of a wrapper's ``datasets``."""
    if held is not None and not isinstance(held, (dict, list, tuple)):
        yield place, expected(held, 'a list of data sets, or a dict of them by name')
    elif all(part is None for part in _by_key(held).values()):
        yield place, expected(held, 'one data set at least')
    elif (
        isinstance(held, dict)
        and is_a(kind, scope, (ConcatDataset,))
        and not (_takes_names(kind, scope, (NamedConcatDataset,)))
    ):
        yield place, _no_names('data sets', kind, 'NamedConcatDataset does')
    elif isinstance(held, dict):
        yield from _wrong_named(held, place, 'data set')
    else:
        for number, part in enumerate(held):
            if not isinstance(part, dict):
                yield f'{place}.{number}', expected(part, PART)


def wrong_steps(
    steps: Any, place: str, owner: dict, scope: str
) -> Iterator[tuple[str, str]]:
    """Like :func:`wrong_metrics`, for the steps of a pipeline and nested steps.

    Args:
        steps (list | dict): The pipeline.
        place (str): Its dotted place in the config.
        owner (dict): The data set or step that runs it.
        scope (str): The default scope of plain names.
    """
    kind = owner.get('type')
    # other steps may contain anything
    strict = not place.endswith('.transforms') or is_a(kind, scope, _OF_STEPS)
    if is_named(steps):
        if not _takes_names(kind, scope, _OF_STEPS):
            yield place, _steps_not_by_name(kind)
            return
        try:
            steps = named_steps(steps)
        except ValueError as error:
            field, _, what = str(error).partition(': ')
            yield f'{place}.{field}', what
            return
    elif not isinstance(steps, (list, tuple)):
        if strict:
            yield place, expected(steps, 'a list of steps, or a dict of them by name')
            return
        steps = [steps]  # mmcv's steps accept a single one
    for key, step in _by_key(steps).items():
        yield from _wrong_step(step, f'{place}.{key}', kind, strict, scope)


def _wrong_step(
    step: Any, place: str, kind: Any, strict: bool, scope: str
) -> Iterator[tuple[str, str]]:
    if is_named(step):
        if ORDER in step:
            yield place, _steps_not_by_name(f'a list of {_name(kind)}')
        elif strict:
            yield place, 'a step without a type'
    elif isinstance(step, dict):
        if 'transforms' in step:
            yield from wrong_steps(
                step['transforms'], f'{place}.transforms', step, scope
            )
    elif not strict and isinstance(step, (list, tuple)):  # RandomChoice has such
        for number, each in enumerate(step):
            yield from _wrong_step(each, f'{place}.{number}', kind, strict, scope)
    elif strict and not callable(step):
        yield place, expected(step, PART)
