"""Samplers, which choose the samples of an epoch."""

from collections.abc import Iterator

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import Dataset

from mammo_plugins.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(DefaultSampler):
    """Draw the same number of samples per class, in an epoch as long as the data set.

    Samples of a rare class are repeated, with counts that differ by at most one. Of a
    frequent class, each epoch uses a different subset. This is the control for
    synthetic samples that balance the classes in epochs of the same length.

    mmdet's ``ClassAwareSampler`` counts by the names of lesion classes, which do not
    include the labels of breasts.

    Args:
        dataset (Dataset): Its ``get_cat_ids`` returns one label per sample, as in
            :class:`ExamDataset` with ``labels``.
        seed (int, optional): As in :class:`mmengine.dataset.DefaultSampler`.
        round_up (bool): As in ``DefaultSampler``. Defaults to True.

    Raises:
        ValueError: If a sample does not have exactly one label.
    """

    def __init__(
        self, dataset: Dataset, seed: int | None = None, round_up: bool = True
    ) -> None:
        super().__init__(dataset, shuffle=True, seed=seed, round_up=round_up)
        labels = [dataset.get_cat_ids(i) for i in range(len(dataset))]
        for i, found in enumerate(labels):
            if len(found) != 1:
                raise ValueError(
                    f'ClassBalancedSampler: sample {i} has {len(found)} labels; '
                    'expected one each, as of an ExamDataset with labels=dict(...)'
                )
        self.of_class = [
            torch.tensor([i for i, (label,) in enumerate(labels) if label == wanted])
            for wanted in sorted({label for (label,) in labels})
        ]

    def __iter__(self) -> Iterator[int]:
        """Iterate over the indices of this rank."""
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        indices: list[int] = []
        for k, members in enumerate(self.of_class):
            wanted = (len(self.dataset) + k) // len(self.of_class)
            turns = -(-wanted // len(members))
            indices += torch.cat(
                [
                    members[torch.randperm(len(members), generator=generator)]
                    for _ in range(turns)
                ]
            )[:wanted].tolist()
        order = torch.randperm(len(indices), generator=generator).tolist()
        indices = [indices[i] for i in order]
        indices += indices[: self.total_size - len(indices)]
        return iter(indices[self.rank : self.total_size : self.world_size])
