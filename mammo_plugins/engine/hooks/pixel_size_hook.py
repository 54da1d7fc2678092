"""Store the pixel size of the training in checkpoints, and compare it in tests."""

from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.registry import HOOKS
from mammo_plugins.structures.multi_view_data_sample import views_of
from mammo_plugins.structures.pixel_size import (
    KEY,
    network_pixel_size,
    pixel_size_warning,
)


@HOOKS.register_module()
class PixelSizeHook(Hook):
    """Store the pixel size of the network's input in a checkpoint's ``meta``.

    A test gives a warning if its pixels are more than twice or less than half as large.
    The size is computed from ``pixel_spacing_mm`` and ``homography_matrix`` among the
    ``meta_keys`` of samples. Samples without them are not checked.

    Args:
        num_samples (int): Number of views to examine; their median counts.
            Defaults to 64.
    """

    def __init__(self, num_samples: int = 64) -> None:
        self.num_samples = num_samples
        self.trained: float | None = None
        self._sizes: list[float] = []

    def _look_at(self, data_batch: Any) -> None:
        if len(self._sizes) >= self.num_samples or not isinstance(data_batch, dict):
            return
        for sample in data_batch.get('data_samples') or ():
            sizes = (network_pixel_size(view.metainfo) for view in views_of(sample))
            self._sizes += [size for size in sizes if size is not None]

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Look at the first samples."""
        self._look_at(data_batch)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the size; after resuming, the original one if it is known."""
        if self.trained is None and self._sizes:
            self.trained = float(np.median(self._sizes))
        if self.trained is not None:
            checkpoint['meta'][KEY] = self.trained

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the size of the training, unless a new training starts."""
        if (
            runner._resume
            or runner._train_loop is None
            or isinstance(runner._train_loop, dict)
        ):
            self.trained = (checkpoint.get('meta') or {}).get(KEY)

    def before_test_epoch(self, runner: Runner) -> None:
        """Discard earlier samples."""
        self._sizes = []

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Look at the first samples."""
        self._look_at(data_batch)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Warn if the pixel size differs from that of the training."""
        if self._sizes:
            said = pixel_size_warning(float(np.median(self._sizes)), self.trained)
            if said:
                runner.logger.warning(said)
