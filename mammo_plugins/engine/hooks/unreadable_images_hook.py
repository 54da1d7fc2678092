"""Training goes on without images that cannot be read; they are named and counted."""

from collections.abc import Iterator
from logging import ERROR, WARNING
from multiprocessing import get_context
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object, master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, Runner

from mammo_plugins.io import MammogramError, read_header
from mammo_plugins.registry import HOOKS

from .data_summary_hook import built_datasets


class _SkipUnreadable:
    """A data set's ``prepare_data`` that gives ``None`` for what cannot be read.

    MMEngine's data sets then draw another sample.

    Args:
        dataset (BaseDataset): Of training.
        max_share (float): Of its samples, beyond which the error is raised.
    """

    def __init__(self, dataset: BaseDataset, max_share: float) -> None:
        self.dataset = dataset
        self.max_share = max_share
        # a byte a sample, shared with the workers of data loaders
        self.flags = get_context('spawn').RawArray('b', len(dataset))

    def __call__(self, idx: int) -> Any:
        try:
            return type(self.dataset).prepare_data(self.dataset, idx)
        except MammogramError as error:
            idx %= len(self.flags)
            if not self.flags[idx]:
                self.flags[idx] = 1
                print_log(
                    f'{error}; skipped, another sample is taken in its place',
                    logger='current',
                    level=ERROR,
                )  # heard of all processes
            count = sum(self.flags)
            if count > self.max_share * len(self.flags):
                raise MammogramError(
                    error.path,
                    f'{error.reason}. {count} of {len(self.flags)} samples '
                    f'of {getattr(self.dataset, "ann_file", "the data set")} cannot be '
                    'read, too many to train on the rest; run mammo verify',
                ) from None
            return None


def _paths(sample: Any) -> Iterator[str]:
    """Yield the image files of a sample of one or several views."""
    if isinstance(sample, dict):
        if isinstance(sample.get('img_path'), str):
            yield sample['img_path']
        for value in sample.values():
            yield from _paths(value)
    elif isinstance(sample, list):
        for value in sample:
            yield from _paths(value)


@HOOKS.register_module()
class UnreadableImagesHook(Hook):
    """Skip samples of training that hold an image which cannot be read.

    Of several views one is enough. Another sample is drawn in its place; each file is
    named once, and how many samples were left out is logged after each epoch. Validation
    and test, whose figures would change, stop at such an image; the headers of what is
    validated are looked at before a training begins.

    Args:
        max_share (float): Of the samples of a data set, 0 to 1; the training stops when
            more cannot be read. Defaults to 0.5.

    Raises:
        ValueError: If ``max_share`` is no share.
    """

    def __init__(self, max_share: float = 0.5) -> None:
        if not isinstance(max_share, (int, float)) or not 0 <= max_share <= 1:
            raise ValueError(f'max_share is {max_share!r}, expected 0 to 1')
        self.max_share = max_share

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Raise :class:`MammogramError` for what a validation would stop at."""
        if not isinstance(runner._val_loop, BaseLoop):
            return
        for dataset in built_datasets(runner._val_loop.dataloader.dataset):
            if isinstance(dataset, BaseDataset):
                self._refuse_unreadable(dataset)

    @staticmethod
    def _refuse_unreadable(dataset: BaseDataset) -> None:
        paths = dict.fromkeys(
            path
            for i in range(len(dataset))
            for path in _paths(dataset.get_data_info(i))
        )
        faults = []
        for path in paths:
            try:
                read_header(path)
            except MammogramError as error:
                faults.append(error)
        if faults:
            raise MammogramError(
                faults[0].path,
                f'{faults[0].reason}. Of {len(paths)} images of '
                f'{dataset.ann_file}, at which validation would stop, {len(faults)} cannot '
                'be read; mammo verify lists them: repair them, or leave them '
                'out of that file',
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Begin with data that are new; before there are workers."""
        for dataset in built_datasets(runner.train_loop.dataloader.dataset):
            if isinstance(dataset, BaseDataset) and self._skips(dataset) is None:
                dataset.prepare_data = _SkipUnreadable(dataset, self.max_share)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log how many samples were left out, in all processes together."""
        for dataset in built_datasets(runner.train_loop.dataloader.dataset):
            skips = self._skips(dataset)
            if skips is None:
                continue
            found: list[list[int]] = all_gather_object(
                [i for i, flag in enumerate(skips.flags) if flag]
            )
            count = len(set().union(*found))
            if count:
                runner.logger.log(
                    WARNING,
                    f'{count} of {len(dataset)} samples of {dataset.ann_file} '
                    'cannot be read and were left out of training; they are named '
                    'above, and mammo verify lists all',
                )

    @staticmethod
    def _skips(dataset: Any) -> _SkipUnreadable | None:
        skips = vars(dataset).get('prepare_data')
        return skips if isinstance(skips, _SkipUnreadable) else None
