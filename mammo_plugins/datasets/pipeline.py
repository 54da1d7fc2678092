"""Pipelines whose steps have names, so that a config exchanges one by its name."""
import difflib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from mmcv.transforms import BaseTransform, Compose

from mammo_plugins.registry import TRANSFORMS

ORDER = 'order'

Step = Union[dict, BaseTransform]
Pipeline = Union[Sequence[Step], Mapping[str, Any]]


def is_named(pipeline: Any) -> bool:
    """Tell whether a pipeline is one of named steps.

    Args:
        pipeline (list | dict): A pipeline. A dict with a ``type`` is a step.
    """
    return isinstance(pipeline, Mapping) and 'type' not in pipeline


def named_steps(pipeline: Mapping[str, Any]) -> Dict[str, Step]:
    """Return the steps of a pipeline by name, in the order in which they run.

    A config that MMEngine writes has its keys sorted, so that the order is a list of
    its own.

    Args:
        pipeline (dict): ``order``, the names of the steps, and each step by its name.
            A name without a step, or with ``None``, is left out: a place for a step
            that a config may have.

    Raises:
        ValueError: If there is no ``order``, a step is not in it or twice, or is none.
    """
    order = pipeline.get(ORDER)
    if isinstance(order, str) or not isinstance(order, Sequence):
        raise ValueError(f'{ORDER}: {order!r}; expected the names of the steps, in the '
                         f'order in which they run, of {_names(pipeline)}')
    twice = [name for name in order if list(order).count(name) > 1]
    if twice:
        raise ValueError(f'{ORDER}: {twice[0]!r} is there twice; expected each name '
                         'once')
    steps = {}
    for name in _names(pipeline):
        step = pipeline[name]
        if name not in order:
            near = difflib.get_close_matches(name, order, n=1)
            hint = f'did you mean {near[0]}?' if near else (
                'set that too to add a step; to leave one out, keep its name there and '
                f'say {name}=None')
            raise ValueError(
                f'{name}: no such step in {ORDER}, which is {list(order)}; {hint}')
        if step is None:
            continue
        if isinstance(step, Mapping) and 'type' not in step:
            raise ValueError(f'{name}: a step without a type, and none to inherit')
        if not isinstance(step, Mapping) and not callable(step):
            raise ValueError(f'{name}: {step!r}; expected a step, a dict with a type, '
                             'or None to leave it out')
        steps[name] = step
    return {name: steps[name] for name in order if name in steps}


def _names(pipeline: Mapping[str, Any]) -> List[str]:
    return [name for name in pipeline if name != ORDER]


def steps_of(pipeline: Optional[Pipeline]) -> List[Step]:
    """Return the steps of a pipeline as a list.

    Args:
        pipeline (list | dict, optional): Steps in order, as MMEngine has them, or by
            name, see :func:`named_steps`.
    """
    if pipeline is None:
        return []
    return list(named_steps(pipeline).values() if is_named(pipeline) else pipeline)


def compose(pipeline: Pipeline) -> Compose:
    """Build a pipeline that stands inside another; see :func:`steps_of`.

    Args:
        pipeline (list | dict): The pipeline.
    """
    # mmcv's Compose builds by mmcv's registry; ours knows more names
    return Compose([TRANSFORMS.build(step) if isinstance(step, Mapping) else step
                    for step in steps_of(pipeline)])
