"""Choose a breast's lesions to paste, and match lesions between its two views."""

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
        lesion (dict): One of a view's ``instances``.
        grade (Any): The deciding grade: the lesion's own, its view's or its breast's.
    """

    lesion: dict
    grade: Any


class BreastLesion(NamedTuple):
    """A lesion in the views that show it.

    Args:
        outlines (dict[str, list[Donor]]): By the name of the view, usually one each.
        paired (str): How its outlines in both views were matched: by 'lesion_id' or by
            'category'; 'one view' if the other view has no candidate; 'unpaired' if it
            has candidates, but of another kind or indistinguishable.
    """

    outlines: dict[str, list[Donor]]
    paired: str


def donor_lesions(breast: dict, rule: LabelRule) -> dict[str, list[Donor]]:
    """Return the lesions of a breast that may be pasted, by view.

    Args:
        breast (dict): Sample of :class:`ExamDataset` with ``labels``.
        rule (LabelRule): Label rule of the data set.

    Returns:
        dict[str, list[Donor]]: By view; views without such lesions are left out.
    """
    if breast['gt_label'] != 1:
        return {}  # regardless of the grades of its lesions
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
    """Return a function that measures the distance of lesions from the nipple.

    Args:
        views (dict[str, dict]): Views of one breast.
        nipple_of (Callable): Returns the (x, y) of a view's nipple in the pixel
            coordinates of its boxes, or ``None``.

    Returns:
        Callable: Function of a view's name and a lesion in that view. Distances are in
        mm if all views have a pixel spacing, otherwise in pixels.
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
    """Match the outlines in both views that belong to the same lesion.

    Outlines with the same ``lesion_id`` match. The others, unless both have an id, are
    paired by category, starting with those whose distances from the nipple differ
    least, since the distances of one lesion hardly differ. If a nipple is unknown, a
    category is paired only if it has one outline in each view.

    Args:
        found (dict[str, list[Donor]]): From :func:`donor_lesions`, at most two views.
        distance (Callable): From :func:`distance_from_nipple`; called only if ids do
            not decide.

    Returns:
        list[BreastLesion]: Lesions; each outline belongs to exactly one of them.
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
    """Return whether ids allow a match: they do not if both are known and differ."""
    return None in (donor.lesion['lesion_id'], other.lesion['lesion_id'])


def _by_category(
    rest: dict[str, list[Donor]], distance: Distance
) -> list[tuple[int, int]]:
    """Pair the outlines of the first view with those of the second."""
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
    if not apart:  # a nipple is unknown
        rows, columns = (Counter(pair[side] for pair in open_pairs) for side in (0, 1))
        return [(i, j) for i, j in open_pairs if rows[i] == columns[j] == 1]
    pairs: list[tuple[int, int]] = []
    for i, j in sorted(apart, key=lambda pair: (apart[pair], pair)):
        if all(i != k and j != m for k, m in pairs):
            pairs.append((i, j))
    return pairs
