"""Log pictures of the same validation samples in each epoch."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mammo_plugins.registry import HOOKS
from mammo_plugins.visualization import MammogramVisualizer, sample_name

_MOST_LOOKED_AT = 1000  # samples that are searched for some with lesions


@HOOKS.register_module()
class MammogramVisualizationHook(Hook):
    """Log pictures of a few validation samples, with annotations and predictions.

    It requires that ``visualizer`` is a
    :class:`~mammo_plugins.visualization.MammogramVisualizer`, and does nothing
    otherwise. The samples are the same in each epoch and spread over the data. Half of
    them, if available, have lesions or a positive class. With several processes, only
    the first one draws, from the samples that it validates.

    Args:
        num_samples (int): Number of samples; 0 logs no pictures. Defaults to 4.
        score_thr (float): Boxes with lower scores are not drawn. Defaults to 0.1.
    """

    def __init__(self, num_samples: int = 4, score_thr: float = 0.1) -> None:
        self.num_samples = num_samples
        self.score_thr = score_thr
        self._places: dict[int, list[int]] = {}

    def before_val_epoch(self, runner: Runner) -> None:
        """Choose the samples."""
        if isinstance(runner.visualizer, MammogramVisualizer) and is_main_process():
            self._places = chosen_places(runner.val_dataloader, self.num_samples)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Draw the chosen samples of a batch."""
        for place in self._places.get(batch_idx, ()):
            inputs, sample = data_batch['inputs'], outputs[place]
            runner.visualizer.add_datasample(
                f'val_{sample_name(sample)}',
                {name: images[place] for name, images in inputs.items()}
                if isinstance(inputs, dict)
                else inputs[place],
                sample,
                pred_score_thr=self.score_thr,
                step=_epoch(runner),
            )


def _epoch(runner: Runner) -> int:
    """Return the epoch that MMEngine's logger uses for the metrics of this validation."""
    # asking a runner that only validates for its epoch would build the training loop
    trains = runner._train_loop is not None and not isinstance(runner._train_loop, dict)
    return runner.epoch if trains else 0


def chosen_places(loader: DataLoader, number: int) -> dict[int, list[int]]:
    """Choose samples of a data loader.

    Args:
        loader (DataLoader): The data loader.
        number (int): Number of samples.

    Returns:
        dict[int, list[int]]: Positions within the batch, by batch.
    """
    order = [
        (index, batch, place)
        for batch, indices in enumerate(loader.batch_sampler)
        for place, index in enumerate(indices)
    ]
    # the same samples even if their order changes in each epoch
    looked_at = _spread(sorted(order), _MOST_LOOKED_AT)
    positive, negative = [], []
    for each in looked_at:
        (positive if _is_positive(loader.dataset, each[0]) else negative).append(each)
    first = _spread(positive, max((number + 1) // 2, number - len(negative)))
    chosen: dict[int, list[int]] = {}
    for _, batch, place in sorted(first + _spread(negative, number - len(first))):
        chosen.setdefault(batch, []).append(place)
    return chosen


def _spread(items: list, number: int) -> list:
    """Return the given number of items, evenly spread, or all if there are fewer."""
    if len(items) <= number:
        return items
    return [items[len(items) * k // number] for k in range(number)]


def _is_positive(dataset: Any, index: int) -> bool:
    """Return whether a sample has lesions (not ignored ones) or a positive label."""
    if not hasattr(dataset, 'get_data_info'):
        return False
    info = dataset.get_data_info(index)
    if 'gt_label' in info:
        return info['gt_label'] == 1
    return any(
        not lesion.get('ignore_flag')
        for view in (info.get('views') or {'': info}).values()
        for lesion in view.get('instances', ())
    )
