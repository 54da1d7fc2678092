"""Pipelines with named steps, so that a config can replace a step by its name."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcv.transforms import BaseTransform, Compose

from mammo_plugins.registry import TRANSFORMS

ORDER = 'order'
SLOTS = 'slots'

Step = dict | BaseTransform
Pipeline = Sequence[Step] | Mapping[str, Any]


def is_named(pipeline: Any) -> bool:
    """Return whether a pipeline consists of named steps.

    Args:
        pipeline (list | dict): A pipeline. A dict with a ``type`` is a step.
    """
    return isinstance(pipeline, Mapping) and 'type' not in pipeline


def named_steps(pipeline: Mapping[str, Any]) -> dict[str, Step]:
    """Return the steps of a pipeline by name, in the order in which they run.

    The order is a separate list because MMEngine sorts the keys of the configs that it
    writes.

    Args:
        pipeline (dict): ``order``, the names of the steps, and each step by its name.
            A step that is ``None`` is left out. ``slots``, optional, lists the names in
            ``order`` that may lack a step: places for steps that a config may add.

    Raises:
        ValueError: If ``order`` is missing; a name in it appears twice, or has no step
            and is not a slot; a step is not in it, or is not a step.
    """
    order = pipeline.get(ORDER)
    if not _is_list_of_names(order):
        raise ValueError(
            f'{ORDER}: {order!r}; expected the names of the steps, in the '
            f'order in which they run, of {_names(pipeline)}'
        )
    slots = pipeline.get(SLOTS, ())
    if not _is_list_of_names(slots):
        raise ValueError(
            f'{SLOTS}: {slots!r}; expected the names in {ORDER} that may be '
            'without a step'
        )
    twice = [name for name in order if list(order).count(name) > 1]
    if twice:
        raise ValueError(
            f'{ORDER}: {twice[0]!r} appears twice; expected each name once'
        )
    steps = {}
    for name in _names(pipeline):
        step = pipeline[name]
        if name not in order:
            raise ValueError(
                f'{name}: no such step in {ORDER}, which is '
                f'{list(order)}; {_meant(name, pipeline)}'
            )
        if step is None:
            continue
        if isinstance(step, Mapping) and 'type' not in step:
            raise ValueError(f'{name}: a step without a type, and none to inherit')
        if not isinstance(step, Mapping) and not callable(step):
            raise ValueError(
                f'{name}: {step!r}; expected a step, a dict with a type, or None '
                'to drop it'
            )
        steps[name] = step
    for name in order:
        if name not in pipeline and name not in slots:
            raise ValueError(
                f'{ORDER}: {name!r} has no step; set {name}=dict(type=...) beside '
                f'{ORDER}, or name it in {SLOTS}, the places that may be empty'
            )
    return {name: steps[name] for name in order if name in steps}


def _is_list_of_names(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(name, str) for name in value)
    )


def _names(pipeline: Mapping[str, Any]) -> list[str]:
    return [name for name in pipeline if name not in (ORDER, SLOTS)]


def step_places(pipeline: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of steps, and dotted names of the steps inside them.

    Args:
        pipeline (dict): Steps by name, including those that are left out.
    """
    for name in _names(pipeline):
        yield name
        step = pipeline[name]
        inner = step.get('transforms') if isinstance(step, Mapping) else None
        if is_named(inner):
            yield from (f'{name}.transforms.{place}' for place in step_places(inner))


def _meant(name: str, pipeline: Mapping[str, Any]) -> str:
    """Return a suggestion for a step that is not in a pipeline's order."""
    order = pipeline[ORDER]
    if name.isdigit():
        named = f'; did you mean {order[int(name)]}?' if int(name) < len(order) else ''
        return f'steps have names here, not numbers{named}'
    near = difflib.get_close_matches(name, order, n=1) or [
        place for place in step_places(pipeline) if place.endswith(f'.{name}')
    ]
    return (
        f'did you mean {near[0]}?'
        if near
        else (
            'set that too to add a step; to drop one, keep its name there and '
            f'set {name}=None'
        )
    )


def steps_of(pipeline: Pipeline | None) -> list[Step]:
    """Return the steps of a pipeline as a list.

    Args:
        pipeline (list | dict, optional): Steps in order, as in MMEngine, or by name,
            see :func:`named_steps`.
    """
    if pipeline is None:
        return []
    return list(named_steps(pipeline).values() if is_named(pipeline) else pipeline)


def every_step(part: Any) -> Iterator[Step]:
    """Yield the steps of a pipeline, including nested ones, as configs or built.

    Args:
        part (list | dict, optional): A pipeline of a config, or a part of one.
    """
    if isinstance(part, dict):
        if 'type' in part:
            yield part
        part = list(part.values())
    elif callable(part) and not isinstance(part, type):
        yield part
    for each in part if isinstance(part, (list, tuple)) else ():
        yield from every_step(each)


def compose(pipeline: Pipeline) -> Compose:
    """Build a pipeline that is nested in another one; see :func:`steps_of`.

    Args:
        pipeline (list | dict): The pipeline.
    """
    # mmcv's Compose uses mmcv's registry, which knows fewer names than ours
    return Compose(
        [
            TRANSFORMS.build(step) if isinstance(step, Mapping) else step
            for step in steps_of(pipeline)
        ]
    )
