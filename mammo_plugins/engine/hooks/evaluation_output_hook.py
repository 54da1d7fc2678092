"""Set the folders that metrics write their files to."""

import os.path as osp
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class EvaluationOutputHook(Hook):
    """Give metrics an output folder of this run, and the annotation files.

    A metric with an ``out_dir`` of ``None`` writes to ``<work_dir>/val`` or
    ``<work_dir>/test``. A metric with ``evaluate_part`` gets the annotation files.
    """

    def before_val(self, runner: Runner) -> None:
        """Set the folders of the validation metrics."""
        self._set(runner, runner.val_loop, 'val')

    def before_test(self, runner: Runner) -> None:
        """Set the folders of the test metrics."""
        self._set(runner, runner.test_loop, 'test')

    @staticmethod
    def _set(runner: Runner, loop: BaseLoop, name: str) -> None:
        for metric in loop.evaluator.metrics:
            if getattr(metric, 'out_dir', '') is None:
                metric.out_dir = osp.join(runner.work_dir, name)
            if hasattr(metric, 'evaluate_part'):
                metric.evaluate_part(annotation_files(loop.dataloader.dataset))


def annotation_files(dataset: Any) -> list[str]:
    """Return the annotation files of a data set, including those inside wrappers.

    Args:
        dataset (Dataset): The data set, or a wrapper of several.
    """
    inner = getattr(dataset, 'datasets', None) or [
        each for each in [getattr(dataset, 'dataset', None)] if each is not None
    ]
    if getattr(dataset, 'ann_file', None):
        return [str(dataset.ann_file)]
    return [name for each in inner for name in annotation_files(each)]
