"""Data set wrappers with named parts, so that a config can replace one by its name."""

from collections.abc import Mapping, Sequence

from mmdet.datasets import ConcatDataset, MultiImageMixDataset

from mammo_plugins.registry import DATASETS

from .pipeline import Pipeline, steps_of


@DATASETS.register_module()
class NamedConcatDataset(ConcatDataset):
    """mmdet's ``ConcatDataset`` with named data sets.

    Args:
        datasets (dict[str, dict] | list[dict]): Data sets. Named ones are concatenated
            in the order of their names; ``None`` leaves one out.
        **kwargs: As in mmdet.
    """

    def __init__(
        self, datasets: Mapping[str, dict | None] | Sequence[dict], **kwargs
    ) -> None:
        super().__init__(parts_of(datasets), **kwargs)


@DATASETS.register_module()
class NamedMixDataset(MultiImageMixDataset):
    """mmdet's ``MultiImageMixDataset`` with steps that may have names.

    Args:
        dataset (dict): The data set whose samples are mixed.
        pipeline (list | dict): Steps in order or by name, see
            :func:`~mammo_plugins.datasets.pipeline.named_steps`.
        **kwargs: As in mmdet.
    """

    def __init__(self, dataset: dict, pipeline: Pipeline, **kwargs) -> None:
        super().__init__(dataset, steps_of(pipeline), **kwargs)


def parts_of(datasets: Mapping[str, dict | None] | Sequence[dict] | None) -> list:
    """Return the data sets of a wrapper's config as a list.

    Args:
        datasets (dict | list, optional): By name or in order.
    """
    if isinstance(datasets, Mapping):
        # MMEngine sorts the keys of the configs that it writes
        return [
            datasets[name] for name in sorted(datasets) if datasets[name] is not None
        ]
    return list(datasets or ())
