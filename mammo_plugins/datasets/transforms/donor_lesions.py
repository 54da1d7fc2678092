"""Which lesions of a breast are pasted, and which of its two views are one."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mammo_plugins.datasets.label_rule import LabelRule

Distance = Callable[[str, dict], float | None]
"""How far a lesion of a view lies from the nipple, ``None`` if it is not known."""


class Donor(NamedTuple):
    """An outline that may be pasted.

    Args:
        lesion (dict): Of a view's ``instances``.
        grade (Any): What says so: the lesion's own grade, its view's or its breast's.
    """

    lesion: dict
    grade: Any


class BreastLesion(NamedTuple):
    """A lesion in the views that show it.

    Args:
        outlines (dict[str, list[Donor]]): By the name of the view, usually one.
        paired (str): 'lesion_id' or 'category', by which its outlines in both views
            are taken for one lesion; 'one view' where the other view has none that
            could be it; 'unpaired' where it has some, of another kind or not to be
            told apart.
    """

    outlines: dict[str, list[Donor]]
    paired: str


def donor_lesions(breast: dict, rule: LabelRule) -> dict[str, list[Donor]]:
    """Return the lesions of a breast that may be pasted, by view.

    Args:
        breast (dict): Of :class:`ExamDataset` with ``labels``.
        rule (LabelRule): That of the data set.

    Returns:
        dict[str, list[Donor]]: Views without any are left out.
    """
    if breast['gt_label'] != 1:
        return {}  # whatever one of its lesions is graded
    field, views = rule.field, breast['views']
    of_breast = [(1, view[field]) for view in views.values() if rule.of_view(view) == 1]
    found: dict[str, list[Donor]] = {}
    for name, view in views.items():
        for lesion in view['instances']:
            grades = [
                (rule.of_lesion(lesion), lesion.get(field, True)),
                (rule.of_view(view), view[field]),
                *of_breast,
            ]
            label, grade = next(
                (each for each in grades if None not in each), (None, None)
            )
            if label == 1 and not lesion['ignore_flag']:
                found.setdefault(name, []).append(Donor(lesion, grade))
    return found


def distance_from_nipple(
    views: dict[str, dict], nipple_of: Callable[[dict], tuple | None]
) -> Distance:
    """Return what measures how far lesions lie from the nipple.

    Args:
        views (dict[str, dict]): Of one breast.
        nipple_of (Callable): Gives the (x, y) of a view's nipple in the pixels that
            its boxes are in, or ``None``.

    Returns:
        Callable: Of the name of a view and a lesion in it; in mm where all views have
        a pixel spacing, otherwise in pixels.
    """
    in_mm = all(view['pixel_spacing_mm'] for view in views.values())

    def distance(name: str, lesion: dict) -> float | None:
        nipple = nipple_of(views[name])
        if nipple is None:
            return None
        row, column = views[name]['pixel_spacing_mm'] if in_mm else (1.0, 1.0)
        x, y = np.add(lesion['bbox'][:2], lesion['bbox'][2:]) / 2 - nipple
        return float(np.hypot(x * column, y * row))

    return distance


def lesions_of_breast(
    found: dict[str, list[Donor]], distance: Distance
) -> list[BreastLesion]:
    """Tell which outlines of both views are of one lesion.

    Those of one ``lesion_id`` are. Of the others, unless both have an id, those of
    one category are paired, first those whose distances from the nipple differ
    least, as distances of one lesion hardly differ. Where a nipple is not known, a
    category is paired that has one outline in each view.

    Args:
        found (dict[str, list[Donor]]): Of :func:`donor_lesions`, of two views at most.
        distance (Callable): Of :func:`distance_from_nipple`; called only where ids do
            not tell.

    Returns:
        list[BreastLesion]: Each outline is in one of them.
    """
    ids = [
        {donor.lesion['lesion_id'] for donor in donors} - {None}
        for donors in found.values()
    ]
    shared = sorted(set.intersection(*ids)) if len(ids) == 2 else []
    lesions = [
        BreastLesion(
            {
                name: [donor for donor in donors if donor.lesion['lesion_id'] == one]
                for name, donors in found.items()
            },
            'lesion_id',
        )
        for one in shared
    ]
    rest = {
        name: [donor for donor in donors if donor.lesion['lesion_id'] not in shared]
        for name, donors in found.items()
    }
    pairs = _by_category(rest, distance)
    lesions += [
        BreastLesion({name: [rest[name][i]] for name, i in zip(rest, pair)}, 'category')
        for pair in pairs
    ]
    rest = {
        name: [
            donor
            for i, donor in enumerate(donors)
            if all(pair[side] != i for pair in pairs)
        ]
        for side, (name, donors) in enumerate(rest.items())
    }
    for name, donors in rest.items():
        others = [other for each in rest if each != name for other in rest[each]]
        for donor in donors:
            apart = any(_may_be_one(donor, other) for other in others)
            lesions.append(
                BreastLesion({name: [donor]}, 'unpaired' if apart else 'one view')
            )
    return lesions


def _may_be_one(donor: Donor, other: Donor) -> bool:
    """Whether ids leave it open; two known ones that differ do not."""
    return None in (donor.lesion['lesion_id'], other.lesion['lesion_id'])


def _by_category(
    rest: dict[str, list[Donor]], distance: Distance
) -> list[tuple[int, int]]:
    """Return which outline of the first view belongs to which of the second."""
    if len(rest) != 2:
        return []
    (first, ones), (second, others) = rest.items()
    open_pairs = [
        (i, j)
        for i, one in enumerate(ones)
        for j, other in enumerate(others)
        if one.lesion['bbox_label'] == other.lesion['bbox_label']
        and _may_be_one(one, other)
    ]
    apart = {}
    for i, j in open_pairs:
        lengths = distance(first, ones[i].lesion), distance(second, others[j].lesion)
        if None not in lengths:
            apart[i, j] = abs(lengths[0] - lengths[1])
    if not apart:  # a nipple is not known
        rows, columns = (Counter(pair[side] for pair in open_pairs) for side in (0, 1))
        return [(i, j) for i, j in open_pairs if rows[i] == columns[j] == 1]
    pairs: list[tuple[int, int]] = []
    for i, j in sorted(apart, key=lambda pair: (apart[pair], pair)):
        if all(i != k and j != m for k, m in pairs):
            pairs.append((i, j))
    return pairs
