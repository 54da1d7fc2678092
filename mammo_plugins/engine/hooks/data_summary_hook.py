"""Log a summary of the training, validation and test data at the start of a run."""

from collections.abc import Iterator
from logging import INFO, WARNING
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.registry import HOOKS


def built_datasets(dataset: Any) -> Iterator[Any]:
    """Yield the data sets within wrappers such as ConcatDataset.

    Args:
        dataset (Dataset): Yielded itself if it does not wrap another.
    """
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner[0] is None:
        yield dataset
    else:
        for part in inner:
            yield from built_datasets(part)


@HOOKS.register_module()
class DataSummaryHook(Hook):
    """Log the numbers of samples and lesions, and which lesions are left out.

    Metrics get the latter as ``dataset_meta['left_out']``, to report it with their
    figures.
    """

    priority = 'VERY_LOW'  # just before the first iteration in the log

    def __init__(self) -> None:
        self._last: Any = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Log the training data, again if a stage has different data."""
        dataset = runner.train_loop.dataloader.dataset
        if dataset is not self._last:
            self._last = dataset
            self._log(runner, 'training', dataset)

    def before_train(self, runner: Runner) -> None:
        """Log the validation data."""
        if runner.val_loop is not None:
            self._log(runner, 'validation', runner.val_loop.dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Log the test data, and inform the metrics."""
        self._log(runner, 'test', runner.test_loop.dataloader.dataset)
        self._tell_metrics(runner.test_loop)

    def before_val(self, runner: Runner) -> None:
        """Inform the metrics."""
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
