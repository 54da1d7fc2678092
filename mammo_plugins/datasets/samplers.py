"""Which samples an epoch is made of."""

from collections.abc import Iterator

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import Dataset

from mammo_plugins.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(DefaultSampler):
    """As many samples of each class, in an epoch as long as the data set.

    The samples of a rare class come several times, as often as each other but for one,
    and of a frequent one another part in each epoch: the control for synthetic
    samples that balance the classes in epochs of the same length.

    mmdet's ``ClassAwareSampler`` counts by the names of lesions' classes, which labels
    of breasts are not among.

    Args:
        dataset (Dataset): With ``get_cat_ids`` of one label a sample, as
            :class:`ExamDataset` with ``labels`` has it.
        seed (int, optional): As in :class:`mmengine.dataset.DefaultSampler`.
        round_up (bool): As there. Defaults to True.

    Raises:
        ValueError: If a sample has not one label.
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
        """Iterate the indices of this rank."""
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
