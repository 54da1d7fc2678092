"""Continue training without unreadable images, which are named and counted."""

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
    """A data set's ``prepare_data`` that returns ``None`` for unreadable samples.

    MMEngine's data sets then draw another sample.

    Args:
        dataset (BaseDataset): Training data set.
        max_share (float): Share of unreadable samples above which the error is raised.
    """

    def __init__(self, dataset: BaseDataset, max_share: float) -> None:
        self.dataset = dataset
        self.max_share = max_share
        # one byte per sample, shared with the workers of data loaders
        self.flags = get_context('spawn').RawArray('b', len(dataset))

    def __call__(self, idx: int) -> Any:
        try:
            return type(self.dataset).prepare_data(self.dataset, idx)
        except MammogramError as error:
            idx %= len(self.flags)
            if not self.flags[idx]:
                self.flags[idx] = 1
                print_log(
                    f'{error}; skipped; another sample is used in its place',
                    logger='current',
                    level=ERROR,
                )  # logged by all processes
            count = sum(self.flags)
            if count > self.max_share * len(self.flags):
                raise MammogramError(
                    error.path,
                    f'{error.reason}. {count} of {len(self.flags)} samples of '
                    f'{getattr(self.dataset, "ann_file", "the data set")} cannot '
                    'be read, too many to train on the others; run mammo verify',
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
    """Skip training samples that contain an unreadable image.

    One unreadable view is enough. Another sample is drawn instead. Each file is named
    once, and the number of skipped samples is logged after each epoch. Validation and
    test stop at such an image, since their figures would change. The headers of
    validation images are checked before training begins.

    Args:
        max_share (float): Share of a data set's samples, 0 to 1. Training stops if more
            of them are unreadable. Defaults to 0.5.

    Raises:
        ValueError: If ``max_share`` is not between 0 and 1.
    """

    def __init__(self, max_share: float = 0.5) -> None:
        if not isinstance(max_share, (int, float)) or not 0 <= max_share <= 1:
            raise ValueError(f'max_share is {max_share!r}, expected 0 to 1')
        self.max_share = max_share

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Raise :class:`MammogramError` for images that would stop a validation."""
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
        """Wrap data sets that are new, before workers start."""
        for dataset in built_datasets(runner.train_loop.dataloader.dataset):
            if isinstance(dataset, BaseDataset) and self._skips(dataset) is None:
                dataset.prepare_data = _SkipUnreadable(dataset, self.max_share)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the number of skipped samples, over all processes."""
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
                    'cannot be read and were left out of training; they are '
                    'named above; mammo verify lists all',
                )

    @staticmethod
    def _skips(dataset: Any) -> _SkipUnreadable | None:
        skips = vars(dataset).get('prepare_data')
        return skips if isinstance(skips, _SkipUnreadable) else None
