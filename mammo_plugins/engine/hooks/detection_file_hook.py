"""Write a test's detections to a file for a later training."""

from collections.abc import Sequence
from typing import Any

from mmdet.structures import DetDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mammo_plugins.engine.detection_files import detections_of, write_shared
from mammo_plugins.registry import HOOKS
from mammo_plugins.structures.detections import Detections


@HOOKS.register_module()
class DetectionFileHook(Hook):
    """Write the detections of a test to a file.

    For :class:`~mammo_plugins.datasets.PatchDataset`; see
    :func:`~mammo_plugins.structures.write_detections`. Detections outside the breast
    are left out.

    Args:
        out_file (str): The JSON file, relative to the working directory.
    """

    def __init__(self, out_file: str) -> None:
        self.out_file = out_file
        self._found: dict[int, Detections] = {}

    def before_test_epoch(self, runner: Runner) -> None:
        """Discard earlier detections."""
        self._found = {}

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[DetDataSample] | None = None,
    ) -> None:
        """Collect the detections of a batch."""
        self._found.update(detections_of(outputs))

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Write the file."""
        write_shared(
            self._found, self.out_file, dict(experiment=runner.experiment_name)
        )
        runner.logger.info(f'detections of {len(self._found)} images: {self.out_file}')
