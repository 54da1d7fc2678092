"""An evaluator with named metrics, so a config can replace one by its name."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import Evaluator

from mammo_plugins.registry import EVALUATOR


@EVALUATOR.register_module()
class NamedEvaluator(Evaluator):
    """MMEngine's ``Evaluator`` with named metrics.

    Args:
        metrics (dict[str, dict] | list[dict]): Metrics; ``None`` omits one.
    """

    def __init__(self, metrics: Mapping[str, dict | None] | Sequence) -> None:
        super().__init__(metrics_of(metrics))


def metrics_of(evaluator: Any) -> list[Any]:
    """Return the metrics of an evaluator's config as a list.

    Args:
        evaluator (dict | list, optional): ``val_evaluator`` or ``test_evaluator`` of
            a config: a metric, a list of them, or an evaluator with ``metrics``; also
            metrics by name.
    """
    if isinstance(evaluator, Mapping):
        if 'metrics' in evaluator:
            return metrics_of(evaluator['metrics'])
        if 'type' in evaluator:
            return [evaluator]
        return [metric for metric in evaluator.values() if metric is not None]
    return (
        list(evaluator)
        if isinstance(evaluator, (list, tuple))
        else ([] if evaluator is None else [evaluator])
    )
