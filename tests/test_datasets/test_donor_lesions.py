"""Which outlines of both views are of one lesion."""

import itertools

import numpy as np
import pytest

from mammo_plugins.datasets.transforms.donor_lesions import (
    Donor,
    distance_from_nipple,
    lesions_of_breast,
)


def donor(x, kind=0, lesion_id=None):
    """Return a lesion in the middle of a box, x to the right of the nipple."""
    return Donor(
        dict(bbox=[x - 2.0, -3.0, x + 2.0, 3.0], bbox_label=kind, lesion_id=lesion_id),
        '4',
    )


def distances(known=True, spacing=None):
    views = {name: dict(pixel_spacing_mm=spacing) for name in ('CC', 'MLO')}
    return distance_from_nipple(views, lambda view: (0.0, 0.0) if known else None)


def joined(cc, mlo, distance=distances()):
    """Return (how, places of the outlines in CC, those in MLO) of each lesion."""
    found = {name: donors for name, donors in (('CC', cc), ('MLO', mlo)) if donors}
    lesions = lesions_of_breast(found, distance)
    where = {id(each): i for donors in (cc, mlo) for i, each in enumerate(donors)}
    every = [
        where[id(each)]
        for lesion in lesions
        for each in itertools.chain(*lesion.outlines.values())
    ]
    assert len(every) == len(cc) + len(mlo)  # each once
    return sorted(
        (
            lesion.paired,
            *(
                tuple(where[id(each)] for each in lesion.outlines.get(name, ()))
                for name in ('CC', 'MLO')
            ),
        )
        for lesion in lesions
    )


def test_ids_say_which_are_one():
    """Whatever their distance and category, and how many outlines."""
    assert joined(
        [donor(10, 0, 'a'), donor(20, 0, 'b')],
        [donor(20, 0, 'a'), donor(10, 1, 'b'), donor(90, 1, 'b')],
    ) == [('lesion_id', (0,), (0,)), ('lesion_id', (1,), (1, 2))]


def test_ids_that_differ_are_two_lesions():
    assert joined([donor(10, 0, 'a')], [donor(10, 0, 'b')]) == [
        ('one view', (), (0,)),
        ('one view', (0,), ()),
    ]
    # one without an id may be either
    assert joined(
        [donor(10, 0, 'a'), donor(30, 0, 'b')], [donor(10, 0, 'a'), donor(28, 0)]
    ) == [('category', (1,), (1,)), ('lesion_id', (0,), (0,))]


def test_another_kind_is_another_lesion():
    assert joined([donor(10, 0)], [donor(10, 1)]) == [
        ('unpaired', (), (0,)),
        ('unpaired', (0,), ()),
    ]
    assert joined([donor(10, 0), donor(50, 1)], [donor(48, 1)]) == [
        ('category', (1,), (0,)),
        ('one view', (0,), ()),
    ]


def test_of_several_the_nearest_distances():
    assert joined([donor(10), donor(40)], [donor(43), donor(12)]) == [
        ('category', (0,), (1,)),
        ('category', (1,), (0,)),
    ]


def test_without_a_nipple_only_what_is_alone_of_its_kind():
    cc, mlo = [donor(10, 0), donor(40, 1)], [donor(43, 1), donor(12, 1)]
    assert joined(cc, mlo, distances(known=False)) == [
        ('unpaired', (), (0,)),
        ('unpaired', (), (1,)),
        ('unpaired', (0,), ()),
        ('unpaired', (1,), ()),
    ]
    assert joined(cc, [donor(43, 1)], distances(known=False)) == [
        ('category', (1,), (0,)),
        ('one view', (0,), ()),
    ]


def test_one_view_alone():
    assert joined([donor(10), donor(30, 1, 'a')], []) == [
        ('one view', (0,), ()),
        ('one view', (1,), ()),
    ]
    assert lesions_of_breast({}, distances()) == []


@pytest.mark.parametrize('seed', range(20))
def test_by_brute_force(seed):
    """No two outlines are nearer to each other than each to the one it has."""
    rng = np.random.default_rng(seed)
    cc, mlo = (
        [
            donor(x, kind)
            for x, kind in zip(rng.uniform(0, 99, n), rng.integers(2, size=n))
        ]
        for n in rng.integers(1, 6, 2)
    )
    lesions = joined(cc, mlo)
    pairs = {
        (i, j)
        for how, (*i,), (*j,) in lesions
        if how == 'category'
        for i, j in zip(i, j)
    }

    def apart(i, j):
        return abs(cc[i].lesion['bbox'][0] - mlo[j].lesion['bbox'][0])

    for i, j in itertools.product(range(len(cc)), range(len(mlo))):
        if (i, j) in pairs or cc[i].lesion['bbox_label'] != mlo[j].lesion['bbox_label']:
            continue
        theirs = [apart(*pair) for pair in pairs if pair[0] == i or pair[1] == j]
        assert theirs and min(theirs) <= apart(i, j)
    for i, j in pairs:
        assert cc[i].lesion['bbox_label'] == mlo[j].lesion['bbox_label']


def test_distances_are_in_mm_where_both_views_have_a_spacing():
    lesion = dict(bbox=[2.0, 2.0, 4.0, 6.0])  # its middle is 3 to the right and 4 below
    assert distances()('CC', lesion) == pytest.approx(5)
    assert distances(spacing=(0.5, 2.0))('CC', lesion) == pytest.approx(np.hypot(6, 2))
    views = dict(CC=dict(pixel_spacing_mm=(9.0, 9.0)), MLO=dict(pixel_spacing_mm=None))
    assert distance_from_nipple(views, lambda view: (0, 0))(
        'CC', lesion
    ) == pytest.approx(5)
    assert distances(known=False)('CC', lesion) is None
