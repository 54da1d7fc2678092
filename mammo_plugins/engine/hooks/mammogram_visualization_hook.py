"""Pictures of the same validation samples in each epoch."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mammo_plugins.registry import HOOKS
from mammo_plugins.visualization import MammogramVisualizer, sample_name

_MOST_LOOKED_AT = 1000  # samples, to find some with lesions


@HOOKS.register_module()
class MammogramVisualizationHook(Hook):
    """Log pictures of a few validation samples, with what is annotated and predicted.

    It works where ``visualizer`` is a
    :class:`~mammo_plugins.visualization.MammogramVisualizer`, and does nothing
    otherwise. The samples are the same in each epoch, spread over the data; half of
    them, as far as there are any, have lesions or are of a positive class. Of several
    processes the first draws, of what it validates.

    Args:
        num_samples (int): How many; 0 logs no pictures. Defaults to 4.
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
        """Draw those of a batch."""
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
    """Return the epoch, as MMEngine's logger counts it for the metrics beside."""
    # asking a runner that only validates for its epoch would build the training
    trains = runner._train_loop is not None and not isinstance(runner._train_loop, dict)
    return runner.epoch if trains else 0


def chosen_places(loader: DataLoader, number: int) -> dict[int, list[int]]:
    """Choose samples of a data loader.

    Args:
        loader (DataLoader): In whose order they are counted.
        number (int): How many.

    Returns:
        dict[int, list[int]]: By batch, the places in it.
    """
    order = [
        (index, batch, place)
        for batch, indices in enumerate(loader.batch_sampler)
        for place, index in enumerate(indices)
    ]
    # the same samples where the order is another in each epoch
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
    """Return as many items, evenly spread, or all."""
    if len(items) <= number:
        return items
    return [items[len(items) * k // number] for k in range(number)]


def _is_positive(dataset: Any, index: int) -> bool:
    """Tell whether a sample has lesions that count, or the label of a positive class."""
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
