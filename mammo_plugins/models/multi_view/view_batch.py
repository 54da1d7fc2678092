"""Views of a batch of samples in rows, and a mask of those that exist."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .images import own_image


class ViewMask:
    """Mask of the views that N samples have, and the row of each.

    Rows are sorted by view, in the order of ``names``, and within a view in the order
    of the samples. Missing views have no row.

    Args:
        names (Sequence[str]): Names of V views.
        present (Tensor): (N, V) bool.
    """

    def __init__(self, names: Sequence[str], present: Tensor) -> None:
        self.names = tuple(names)
        self.present = present.cpu().bool().reshape(len(present), len(self.names))
        # (view, sample) of each row
        self.places: list[tuple[int, str]] = [
            (sample, self.names[view])
            for view, sample in self.present.T.nonzero().tolist()
        ]
        self._row = {place: row for row, place in enumerate(self.places)}

    @classmethod
    def of_samples(
        cls, data_samples: Sequence[MultiViewDataSample], names: Sequence[str]
    ) -> 'ViewMask':
        """Return the mask of the views that data samples have."""
        return cls(
            names,
            torch.tensor(
                [[name in sample for name in names] for sample in data_samples]
            ),
        )

    @classmethod
    def whole(cls, names: Sequence[str], num_samples: int) -> 'ViewMask':
        """Return the mask of complete samples."""
        return cls(names, torch.ones(num_samples, len(names)))

    @property
    def num_samples(self) -> int:
        """int: N."""
        return len(self.present)

    @property
    def is_whole(self) -> bool:
        """bool: Whether no view of any sample is missing."""
        return bool(self.present.all())

    def row(self, sample: int, name: str) -> int | None:
        """Return the row of a sample's view, ``None`` if it is missing."""
        return self._row.get((sample, name))

    def rows_of(self, name: str) -> slice:
        """Return the rows of a view, which are consecutive."""
        counts = self.present.sum(dim=0).tolist()
        place = self.names.index(name)
        start = sum(counts[:place])
        return slice(start, start + counts[place])

    def rows_of_sample(self, sample: int) -> list[int]:
        """Return the rows of a sample, in the order of ``names``."""
        return [
            self._row[sample, name]
            for name in self.names
            if (sample, name) in self._row
        ]

    def rows_with(self, *names: str) -> list[int]:
        """Return the samples that have all of some views; unknown names match none."""
        return [
            sample
            for sample in range(self.num_samples)
            if all((sample, name) in self._row for name in names)
        ]

    def paired(self, partners: Mapping[str, str]) -> tuple[list[int], list[int]]:
        """Find the partners of views within their samples.

        Args:
            partners (Mapping[str, str]): For each view the other one, such as
                ``{'CC': 'MLO', 'MLO': 'CC'}`` (same breast) or ``{'R': 'L', 'L': 'R'}``
                (same projection). Views that are not a key have no partner.

        Returns:
            tuple[list[int]]: Rows whose partner exists, and the partners' rows.
        """
        pairs = [
            (row, self._row[sample, partners[name]])
            for row, (sample, name) in enumerate(self.places)
            if (sample, partners.get(name)) in self._row
        ]
        return [row for row, _ in pairs], [partner for _, partner in pairs]

    def samples(
        self, data_samples: Sequence[MultiViewDataSample]
    ) -> list[DetDataSample]:
        """Return the data samples of the rows' views.

        Args:
            data_samples (Sequence[:obj:`MultiViewDataSample`]): N samples.
        """
        return [data_samples[sample].get(name) for sample, name in self.places]


class ViewBatch:
    """Images, features or values of the views in a :class:`ViewMask`.

    Args:
        mask (ViewMask): The views that exist.
        rows (Tensor | Sequence[Tensor]): (n, ...), one row per view that exists; or in
            parts, one per name, which are concatenated when rows are needed.
    """

    def __init__(self, mask: ViewMask, rows: Tensor | Sequence[Tensor]) -> None:
        self.mask = mask
        self._parts = [rows] if torch.is_tensor(rows) else list(rows)
        number = sum(map(len, self._parts))
        if number != len(mask.places):
            raise ValueError(
                f'ViewBatch: {number} rows for {len(mask.places)} existing views, '
                f'of {mask.names}; expected one each'
            )

    @classmethod
    def gather(
        cls,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[MultiViewDataSample],
        names: Sequence[str],
    ) -> 'ViewBatch':
        """Gather views from a :class:`MultiViewDataPreprocessor`.

        Args:
            inputs (Mapping[str, Tensor]): By view, (n, C, H, W) for the samples that
                have it.
            data_samples (Sequence[:obj:`MultiViewDataSample`]): N samples.
            names (Sequence[str]): Names of the views to gather, in order. Names missing
                from ``inputs`` are left out.

        Raises:
            ValueError: If ``inputs`` and samples disagree on which views exist.
        """
        names = [name for name in names if name in inputs]
        mask = ViewMask.of_samples(data_samples, names)
        for name, count in zip(names, mask.present.sum(dim=0).tolist()):
            if len(inputs[name]) != count:
                raise ValueError(
                    f'view {name}: {len(inputs[name])} images for {count} '
                    'samples that have it; expected one each, in order'
                )
        return cls(mask, [inputs[name] for name in names])

    @classmethod
    def whole(cls, views: Mapping[str, Tensor]) -> 'ViewBatch':
        """Gather the views of complete samples.

        Args:
            views (Mapping[str, Tensor]): By name, (N, ...) each.
        """
        return cls(
            ViewMask.whole(tuple(views), len(next(iter(views.values())))),
            list(views.values()),
        )

    def like(self, rows: Tensor) -> 'ViewBatch':
        """Return a batch of the same views with other values.

        Args:
            rows (Tensor): (n, ...).
        """
        return ViewBatch(self.mask, rows)

    def map(self, network: Callable[[Tensor], Tensor]) -> 'ViewBatch':
        """Run a network on all views at once.

        Args:
            network (Callable): Maps (n, ...) to (n, ...).
        """
        return self.like(network(self.rows))

    @cached_property
    def rows(self) -> Tensor:
        """Tensor: (n, ...), one row per view that exists."""
        return self._parts[0] if len(self._parts) == 1 else torch.cat(self._parts)

    @cached_property
    def views(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: By name, for the samples that have the view."""
        if len(self._parts) == len(self.mask.names):
            return dict(zip(self.mask.names, self._parts))
        return {name: self.rows[self.mask.rows_of(name)] for name in self.mask.names}

    @property
    def stacked(self) -> Tensor:
        """Tensor: (V, N, ...) of a complete batch.

        Raises:
            ValueError: If a view is missing.
        """
        if not self.mask.is_whole:
            raise ValueError(f'ViewBatch: a sample lacks one of {self.mask.names}')
        return self.rows.unflatten(0, (len(self.mask.names), self.mask.num_samples))

    def own_image(
        self, sample: int, name: str, like: DetDataSample, divisor: int = 32
    ) -> Tensor | None:
        """Crop one image, so that results do not depend on the batch.

        Args:
            sample (int): Index of the sample.
            name (str): Name of its view.
            like (:obj:`DetDataSample`): Sample of the view, or of one of the same size.
            divisor (int): As in :func:`own_shape`.

        Returns:
            Tensor: (1, C, h, w); ``None`` if the view is missing.
        """
        row = self.mask.row(sample, name)
        if row is None:
            return None
        return own_image(
            self.views[name], row - self.mask.rows_of(name).start, like, divisor
        )

    def of_sample(self, sample: int) -> Tensor:
        """Return the views that a sample has, (v, ...)."""
        return self.rows[self.mask.rows_of_sample(sample)]

    def select(self, samples: Sequence[int]) -> 'ViewBatch':
        """Return some of the samples.

        Args:
            samples (Sequence[int]): Indices of the samples, in order.
        """
        mask = ViewMask(self.mask.names, self.mask.present[list(samples)])
        rows = {name: [] for name in mask.names}
        for place, name in mask.places:
            rows[name].append(
                self.mask.row(samples[place], name) - self.mask.rows_of(name).start
            )
        return ViewBatch(mask, [self.views[name][rows[name]] for name in mask.names])

    def joined(self, other: 'ViewBatch') -> 'ViewBatch':
        """Return the samples of this batch followed by those of another.

        Args:
            other (ViewBatch): A batch of the same views.
        """
        mask = ViewMask(
            self.mask.names, torch.cat([self.mask.present, other.mask.present])
        )
        return ViewBatch(
            mask,
            torch.cat(
                [batch.views[name] for name in mask.names for batch in (self, other)]
            ),
        )

    def filled(self, names: Sequence[str]) -> 'ViewBatch':
        """Return a complete batch; a sample's first view replaces missing ones.

        Args:
            names (Sequence[str]): Names of the views of the result.
        """
        mask = ViewMask.whole(names, self.mask.num_samples)
        return ViewBatch(
            mask,
            self.rows[
                [
                    self.mask.rows_of_sample(sample)[0] if row is None else row
                    for row, sample in (
                        (self.mask.row(*place), place[0]) for place in mask.places
                    )
                ]
            ],
        )

    def scattered(self, rows: Sequence[int], values: Tensor) -> 'ViewBatch':
        """Return the batch with some rows replaced.

        Args:
            rows (Sequence[int]): m of the n rows, in ascending order.
            values (Tensor): (m, ...).
        """
        if len(rows) == len(self.rows):
            return self.like(values)
        index = torch.as_tensor(rows, dtype=torch.long, device=self.rows.device)
        return self.like(self.rows.index_copy(0, index, values.to(self.rows.dtype)))
