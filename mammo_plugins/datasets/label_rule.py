"""Derive the two classes of a task from the annotation of views."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

FIELDS = ('birads', 'pathology', 'abnormal')


class LabelRule:
    """Derive a target's class from the annotation of its views.

    A target is positive if at least one of its views is positive, and negative if all
    of them are negative. Otherwise it has no class. A BI-RADS of '4' includes 4A, 4B
    and 4C.

    Args:
        field (str): 'birads', 'pathology' or 'abnormal' of the view.
        negative (Sequence): Values of the negative class. ``None`` stands for an
            unknown value.
        positive (Sequence): Values of the positive class.

    Raises:
        ValueError: If there is no such field, or a value is in both classes.
    """

    def __init__(
        self, field: str, negative: Sequence[Any], positive: Sequence[Any]
    ) -> None:
        if field not in FIELDS:
            raise ValueError(f'labels.field: {field!r}; expected one of {FIELDS}')
        both = [value for value in negative if value in positive]
        if both or not negative or not positive:
            raise ValueError(
                f'labels: negative={tuple(negative)}, positive={tuple(positive)}; '
                'expected values of each class, none in both'
            )
        self.field = field
        self.classes = (tuple(negative), tuple(positive))

    def of_view(self, view: dict[str, Any]) -> int | None:
        """Return 0, 1 or ``None`` for a view's dict."""
        return self._class_of(view[self.field])

    def of_lesion(self, lesion: dict[str, Any]) -> int | None:
        """Return 0, 1 or ``None`` for a lesion's dict; a lesion is always abnormal."""
        return self._class_of(True if self.field == 'abnormal' else lesion[self.field])

    def _class_of(self, value: Any) -> int | None:
        for label, values in enumerate(self.classes):
            if value in values or (
                self.field == 'birads' and value is not None and value[0] in values
            ):
                return label
        return None

    def of_target(self, views: Sequence[dict[str, Any]]) -> int | None:
        """Return 0, 1 or ``None`` for the views of a target."""
        labels = [self.of_view(view) for view in views]
        if 1 in labels:
            return 1
        return None if None in labels else 0

    def apply(self, samples: list[dict]) -> tuple[list[dict], str]:
        """Set ``gt_label`` of targets and their views.

        Args:
            samples (list[dict]): Targets with ``views``.

        Returns:
            tuple: The targets that have a class, and a line with the counts.
        """
        kept, lost = [], Counter()
        for sample in samples:
            views = sample['views'].values()
            label = self.of_target(list(views))
            if label is None:
                lost.update(
                    {
                        str(view[self.field])
                        for view in views
                        if self.of_view(view) is None
                    }
                )
                continue
            for view in views:
                view['gt_label'] = self.of_view(view)
            kept.append(dict(sample, gt_label=label))
        counts = Counter(sample['gt_label'] for sample in kept)
        line = (
            f'{counts[0]} negative, {counts[1]} positive '
            f'({self.field} {_listed(self.classes[0])} against '
            f'{_listed(self.classes[1])})'
        )
        if len(kept) < len(samples):
            values = ', '.join(f'{v}: {n}' for v, n in sorted(lost.items()))
            line += (
                f'; {len(samples) - len(kept)} without a class left out '
                f'({self.field} {values})'
            )
        return kept, line


def _listed(values: Sequence[Any]) -> str:
    return '/'.join('unknown' if value is None else str(value) for value in values)
