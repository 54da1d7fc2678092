"""Where metrics write their files."""
import os.path as osp

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class EvaluationOutputHook(Hook):
    """Give metrics that write files a folder of this run.

    A metric with an ``out_dir`` of ``None`` writes to ``<work_dir>/val`` or
    ``<work_dir>/test``.
    """

    def before_val(self, runner: Runner) -> None:
        """Set the folders of the validation metrics."""
        self._set(runner, runner.val_loop.evaluator, 'val')

    def before_test(self, runner: Runner) -> None:
        """Set the folders of the test metrics."""
        self._set(runner, runner.test_loop.evaluator, 'test')

    @staticmethod
    def _set(runner: Runner, evaluator, name: str) -> None:
        for metric in evaluator.metrics:
            if getattr(metric, 'out_dir', '') is None:
                metric.out_dir = osp.join(runner.work_dir, name)
