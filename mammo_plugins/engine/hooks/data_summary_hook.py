"""What a run learns from and is tested on, said when it begins."""

from collections.abc import Iterator
from logging import INFO, WARNING
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.registry import HOOKS


def built_datasets(dataset: Any) -> Iterator[Any]:
    """Yield the data sets that wrappers such as ConcatDataset hold.

    Args:
        dataset (Dataset): Yielded itself if it wraps none.
    """
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner[0] is None:
        yield dataset
    else:
        for part in inner:
            yield from built_datasets(part)


@HOOKS.register_module()
class DataSummaryHook(Hook):
    """Log how many samples and lesions there are, and which lesions are left out.

    Metrics get the latter as ``dataset_meta['left_out']``, to tell it with their
    numbers.
    """

    priority = 'VERY_LOW'  # next to the first iteration in the log

    def __init__(self) -> None:
        self._last: Any = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Log the training data; again where a stage has others."""
        dataset = runner.train_loop.dataloader.dataset
        if dataset is not self._last:
            self._last = dataset
            self._log(runner, 'training', dataset)

    def before_train(self, runner: Runner) -> None:
        """Log the validation data."""
        if runner.val_loop is not None:
            self._log(runner, 'validation', runner.val_loop.dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Log the test data, and tell the metrics."""
        self._log(runner, 'test', runner.test_loop.dataloader.dataset)
        self._tell_metrics(runner.test_loop)

    def before_val(self, runner: Runner) -> None:
        """Tell the metrics."""
        self._tell_metrics(runner.val_loop)

    @staticmethod
    def _log(runner: Runner, part: str, dataset: Any) -> None:
        for each in built_datasets(dataset):
            if hasattr(each, 'summary'):
                said = f'{part} data: {each.ann_file}: {each.summary()}'
                runner.logger.log(WARNING if each.left_out() else INFO, said)

    @staticmethod
    def _tell_metrics(loop: Any) -> None:
        said = [
            each.left_out()
            for each in built_datasets(loop.dataloader.dataset)
            if hasattr(each, 'left_out')
        ]
        if any(said):
            loop.evaluator.dataset_meta = dict(
                loop.evaluator.dataset_meta or {},
                left_out='. '.join(filter(None, said)),
            )
