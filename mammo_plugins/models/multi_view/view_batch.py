"""Views of a batch of samples in rows, and which of them are there."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

from .images import own_image


class ViewMask:
    """Which views of N samples are there, and in which row each of them is.

    Rows go view by view in the order of ``names``, and within a view in the order of
    the samples. Views that are missing have no row.

    Args:
        names (Sequence[str]): Of V views.
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
        """Return the mask of samples that lack nothing."""
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
        """Return which samples have all of some views; none has one of another name."""
        return [
            sample
            for sample in range(self.num_samples)
            if all((sample, name) in self._row for name in names)
        ]

    def paired(self, partners: Mapping[str, str]) -> tuple[list[int], list[int]]:
        """Find the partners of views within their samples.

        Args:
            partners (Mapping[str, str]): By view the other one, such as
                ``{'CC': 'MLO', 'MLO': 'CC'}`` (same breast) or ``{'R': 'L', 'L': 'R'}``
                (same projection). Views that are no key have none.

        Returns:
            tuple[list[int]]: Rows whose partner is there, and the partners' rows.
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
    """Images, features or figures of the views that a :class:`ViewMask` tells of.

    Args:
        mask (ViewMask): Which views are there.
        rows (Tensor | Sequence[Tensor]): (n, ...), one a view that is there; or in
            parts, one a name, which are lined up when rows are asked for.
    """

    def __init__(self, mask: ViewMask, rows: Tensor | Sequence[Tensor]) -> None:
        self.mask = mask
        self._parts = [rows] if torch.is_tensor(rows) else list(rows)
        number = sum(map(len, self._parts))
        if number != len(mask.places):
            raise ValueError(
                f'ViewBatch: {number} rows for {len(mask.places)} views '
                f'that are there, of {mask.names}; expected one each'
            )

    @classmethod
    def gather(
        cls,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[MultiViewDataSample],
        names: Sequence[str],
    ) -> 'ViewBatch':
        """Line up views of a :class:`MultiViewDataPreprocessor`.

        Args:
            inputs (Mapping[str, Tensor]): By view, (n, C, H, W) of the samples that
                have it.
            data_samples (Sequence[:obj:`MultiViewDataSample`]): N samples.
            names (Sequence[str]): Of the views to take, in order. Those that
                ``inputs`` lacks are left out.

        Raises:
            ValueError: If ``inputs`` and samples do not agree on who has what.
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
        """Line up views of samples that lack nothing.

        Args:
            views (Mapping[str, Tensor]): By name, (N, ...) each.
        """
        return cls(
            ViewMask.whole(tuple(views), len(next(iter(views.values())))),
            list(views.values()),
        )

    def like(self, rows: Tensor) -> 'ViewBatch':
        """Return something else of the same views.

        Args:
            rows (Tensor): (n, ...).
        """
        return ViewBatch(self.mask, rows)

    def map(self, network: Callable[[Tensor], Tensor]) -> 'ViewBatch':
        """Run a network on all views at once.

        Args:
            network (Callable): Takes (n, ...) and returns (n, ...).
        """
        return self.like(network(self.rows))

    @cached_property
    def rows(self) -> Tensor:
        """Tensor: (n, ...), one a view that is there."""
        return self._parts[0] if len(self._parts) == 1 else torch.cat(self._parts)

    @cached_property
    def views(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: By name, of the samples that have the view."""
        if len(self._parts) == len(self.mask.names):
            return dict(zip(self.mask.names, self._parts))
        return {name: self.rows[self.mask.rows_of(name)] for name in self.mask.names}

    @property
    def stacked(self) -> Tensor:
        """Tensor: (V, N, ...) of a batch that lacks nothing.

        Raises:
            ValueError: If a view is missing.
        """
        if not self.mask.is_whole:
            raise ValueError(f'ViewBatch: a sample lacks one of {self.mask.names}')
        return self.rows.unflatten(0, (len(self.mask.names), self.mask.num_samples))

    def own_image(
        self, sample: int, name: str, like: DetDataSample, divisor: int = 32
    ) -> Tensor | None:
        """Cut one image out, so that a result does not depend on the batch.

        Args:
            sample (int): Which sample.
            name (str): Of its view.
            like (:obj:`DetDataSample`): Of the view, or of one of the same size.
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
            samples (Sequence[int]): Which ones, in which order.
        """
        mask = ViewMask(self.mask.names, self.mask.present[list(samples)])
        rows = {name: [] for name in mask.names}
        for place, name in mask.places:
            rows[name].append(
                self.mask.row(samples[place], name) - self.mask.rows_of(name).start
            )
        return ViewBatch(mask, [self.views[name][rows[name]] for name in mask.names])

    def joined(self, other: 'ViewBatch') -> 'ViewBatch':
        """Return the samples of this batch and, after them, those of another.

        Args:
            other (ViewBatch): Of the same views.
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
        """Return a batch that lacks nothing: a sample's first view stands in.

        Args:
            names (Sequence[str]): Of the views to have.
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
            rows (Sequence[int]): m of the n rows, rising.
            values (Tensor): (m, ...).
        """
        if len(rows) == len(self.rows):
            return self.like(values)
        index = torch.as_tensor(rows, dtype=torch.long, device=self.rows.device)
        return self.like(self.rows.index_copy(0, index, values.to(self.rows.dtype)))
