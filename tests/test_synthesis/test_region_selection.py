"""Region selection equals the paper's double loop, in exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mammo_plugins.synthesis import (
    Region,
    RegionSearch,
    region_sums,
    select_region,
    select_region_by_loop,
    select_region_pair,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=5)
SIDES = st.integers(1, 5)


def maps(elements, dtype=np.float32):
    return hnp.arrays(dtype, SHAPES, elements=elements)


def exact(saliency):
    """Return the same map in rational numbers, whose sums have no rounding."""
    fractions = [Fraction(float(value)) for value in saliency.ravel()]
    return np.array(fractions, dtype=object).reshape(saliency.shape)


ANY_FLOAT = maps(st.floats(0, float(np.float32(3e38)), width=32))
FEW_LEVELS = maps(st.sampled_from([0.0, 0.125, 0.25, 1.0]))  # many ties
TINY_DIFFERENCES = maps(
    st.sampled_from(
        [1.0, float(np.nextafter(np.float32(1), np.float32(0))), 2.0**-60, 2.0**-149]
    )
)
DOUBLES = maps(
    st.floats(0, 1, allow_subnormal=False).map(
        lambda value: value if value > 1e-280 else 0.0
    ),
    np.float64,
)


@settings(deadline=None, derandomize=True, max_examples=120)
@given(st.one_of(ANY_FLOAT, FEW_LEVELS, TINY_DIFFERENCES, DOUBLES), SIDES, SIDES)
def test_equals_the_double_loop(saliency, height, width):
    assert select_region(saliency, height, width) == select_region_by_loop(
        exact(saliency), height, width
    )


@settings(deadline=None, derandomize=True, max_examples=40)
@given(ANY_FLOAT, SIDES, SIDES)
def test_sums_are_exact_to_the_last_rounding(saliency, height, width):
    rows, columns = saliency.shape
    if height > rows or width > columns:
        with pytest.raises(ValueError, match='does not fit'):
            region_sums(saliency, height, width)
        return
    sums = region_sums(saliency, height, width)
    rational = exact(saliency)
    assert sums.shape == (rows - height + 1, columns - width + 1)
    for (i, j), total in np.ndenumerate(sums):
        expected = float(rational[i : i + height, j : j + width].sum())
        assert total == pytest.approx(expected, rel=5e-16, abs=0)


def test_a_difference_that_float64_sums_lose():
    saliency = np.zeros((1, 8), np.float32)
    saliency[0, 1] = saliency[0, 6] = 1
    saliency[0, 7] = 2.0**-100
    assert select_region(saliency, 1, 2)[:4] == (6, 0, 8, 1)
    # with plain float64 the first of the two looks as large
    assert select_region_by_loop(saliency.astype(float), 1, 2)[:4] == (0, 0, 2, 1)


@pytest.mark.parametrize('value', [1.0, 0.1, 1e-40, 3e38])
def test_of_equal_sums_the_first_is_taken(value):
    saliency = np.full((40, 30), value, np.float32)
    region = select_region(saliency, 7, 5)
    assert region[:4] == (0, 0, 5, 7)
    assert region.saliency == pytest.approx(35 * float(np.float32(value)))


def test_coordinates_are_columns_first():
    saliency = np.zeros((10, 20), np.float32)
    saliency[6:8, 13:18] = 0.5
    assert select_region(saliency, 2, 5) == Region(13, 6, 18, 8, 5.0)


def test_one_unit_in_the_last_place_of_many_pixels():
    saliency = np.full((500, 400), np.nextafter(np.float32(1), np.float32(0)))
    saliency[-1, -1] = 1
    assert select_region(saliency, 480, 370)[:4] == (30, 20, 400, 500)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(FEW_LEVELS, SIDES, SIDES, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), st.data())
def test_allowed_positions_alone(saliency, height, width, share, data):
    allowed = data.draw(hnp.arrays(bool, saliency.shape))
    rational, best, place = exact(saliency), 0, None
    for i in range(saliency.shape[0] - height + 1):
        for j in range(saliency.shape[1] - width + 1):
            window = np.s_[i : i + height, j : j + width]
            enough = allowed[window].mean() >= share
            if enough and rational[window].sum() > best:
                best, place = rational[window].sum(), (j, i, j + width, i + height)
    region = select_region(saliency, height, width, allowed, share)
    assert region == (None if place is None else (*place, float(best)))


def test_a_share_that_floats_cannot_hold():
    allowed = np.ones((10, 10), bool)
    allowed.ravel()[:45] = False
    assert 0.55 * 100 > 55  # the share of the 55 pixels left, as floats multiply
    saliency = np.ones((10, 10), np.float32)
    assert select_region(saliency, 10, 10, allowed, 0.55) is not None
    assert select_region(saliency, 10, 10, allowed, 0.56) is None


def test_regions_lie_in_the_breast_by_default():
    allowed = np.zeros((20, 20), bool)
    allowed[5:15, :9] = True
    saliency = np.zeros((20, 20), np.float32)
    saliency[10, 10] = 9  # in the air
    saliency[7, 8] = 1
    assert select_region(saliency, 4, 4)[:4] == (7, 7, 11, 11)
    x1, y1, x2, y2 = select_region(saliency, 4, 4, allowed)[:4]
    assert allowed[y1:y2, x1:x2].all() and x2 == 9 and y1 <= 7 < y2


@pytest.mark.parametrize('size', [(9, 2), (2, 9)])
def test_none_for_regions_larger_than_the_image(size):
    assert select_region(np.ones((8, 8), np.float32), *size) is None


def test_none_for_regions_larger_than_the_breast():
    allowed = np.zeros((8, 8), bool)
    allowed[:3] = True
    assert select_region(np.ones((8, 8), np.float32), 4, 2, allowed) is None


def test_none_without_saliency():
    saliency = np.zeros((8, 8), np.float32)
    assert select_region(saliency, 2, 2) is None
    assert select_region_by_loop(saliency, 2, 2) is None
    allowed = np.ones((8, 8), bool)
    allowed[:, :4] = False
    saliency[:, :4] = 1  # none of it where regions may lie
    assert select_region(saliency, 2, 2, allowed) is None


def test_the_whole_image():
    assert select_region(np.ones((3, 4), np.float32), 3, 4) == (0, 0, 4, 3, 12.0)


@pytest.mark.parametrize(
    'bad, match',
    [
        (np.array([[1, np.nan]]), 'NaN'),
        (np.array([[1, np.inf]]), 'infinite'),
        (np.array([[1, -0.5]]), 'negative'),
        (np.ones(5), 'two dimensions'),
        (np.ones((0, 5)), 'two dimensions'),
    ],
)
def test_bad_maps_are_named(bad, match):
    for function in (select_region, region_sums):
        with pytest.raises(ValueError, match=match):
            function(bad, 1, 1)


def test_bad_arguments_are_named():
    saliency = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match='at least one row'):
        select_region(saliency, 0, 2)
    with pytest.raises(ValueError, match='bool mask of shape'):
        select_region(saliency, 2, 2, np.ones((4, 5), bool))
    with pytest.raises(ValueError, match='bool mask of shape'):
        select_region(saliency, 2, 2, np.ones((4, 4)))
    with pytest.raises(ValueError, match='min_allowed'):
        select_region(saliency, 2, 2, np.ones((4, 4), bool), 90)


def search(saliency, size=(1, 1), nipple=(0.0, 0.0), allowed=None, pixel=(1.0, 1.0)):
    """Look for a lesion in the middle of a rectangle."""
    return RegionSearch(
        np.array(saliency, float),
        *size,
        allowed,
        1.0,
        nipple,
        (size[1] / 2, size[0] / 2),
        pixel,
    )


def places(one):
    """Yield each allowed place with its sum and its distance, by loops."""
    rows, columns = one.saliency.shape
    for y in range(rows - one.height + 1):
        for x in range(columns - one.width + 1):
            window = np.s_[y : y + one.height, x : x + one.width]
            total = one.saliency[window].sum()
            if total > 0 and (one.allowed is None or one.allowed[window].all()):
                dx, dy = (
                    x + one.width / 2 - one.nipple[0],
                    y + one.height / 2 - one.nipple[1],
                )
                yield (x, y), total, np.hypot(dx * one.pixel[0], dy * one.pixel[1])


def most(one):
    """Return the largest sum of any allowed place."""
    return max((total for _, total, _ in places(one)), default=0)


@settings(deadline=None, derandomize=True, max_examples=90)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_pairs_by_brute_force(seed, share):
    """Salient enough, equally far if that can be, then the largest product."""
    rng = np.random.default_rng(seed)
    pair = []
    for _ in range(2):
        shape = rng.integers(3, 7, 2)
        pair.append(
            search(
                rng.random(shape) * (rng.random(shape) < rng.choice([0.1, 0.5, 1])),
                rng.integers(1, 4, 2),
                rng.uniform(0, 7, 2),
                rng.random(shape) < 0.9,
                rng.choice([0.5, 1.0, 2.0], 2),
            )
        )
    step = max(max(one.pixel) for one in pair)
    found = select_region_pair(*pair, least_share=share)
    first, second = (
        [place for place in places(one) if place[1] >= share * most(one) - 1e-12]
        for one in pair
    )
    every = [
        (round(abs(round(d / step) - round(e / step))), -s * t, p, q)
        for p, s, d in first
        for q, t, e in second
    ]
    if not every:
        assert found is None
        return
    apart, product, _, _ = min(every)
    ((distance, total, at, other),) = [
        each
        for each in every
        if each[2:] == tuple((region.x1, region.y1) for region in found)
    ]
    assert distance == apart and total == pytest.approx(product)
    assert -total == pytest.approx(found[0].saliency * found[1].saliency)
    for one, region in zip(pair, found):
        assert (region.y2 - region.y1, region.x2 - region.x1) == (one.height, one.width)


def test_a_pair_gives_up_some_saliency_for_the_distance():
    """Peaks at 1.5 and 6.5 from the nipple, weaker ones at 6.5 and at 3.5."""
    one, two = np.zeros((2, 1, 8))
    nipple = (0, 0.5)
    one[0, [1, 6]] = 1, 0.6
    two[0, [3, 6]] = 0.5, 1
    found = select_region_pair(search(one, nipple=nipple), search(two, nipple=nipple))
    assert [region.x1 for region in found] == [6, 6]
    one[0, 6] = 0  # none at one distance: the nearest
    found = select_region_pair(search(one, nipple=nipple), search(two, nipple=nipple))
    assert [region.x1 for region in found] == [1, 3]
    # of other pixels: 1.5 x 4 mm and 6.5 x 1 mm are nearer than 3.5 x 1
    found = select_region_pair(
        search(one, nipple=nipple, pixel=(4.0, 4.0)), search(two, nipple=nipple)
    )
    assert [region.x1 for region in found] == [1, 6]


@pytest.mark.parametrize('apart', [0, 10, 30])
@pytest.mark.parametrize('narrow', [2.0, 6.0])
def test_views_whose_peaks_lie_apart_keep_half_of_their_saliency(apart, narrow):
    """One peak a view, 10 pixels from the nipple in one, farther in the other."""
    x = np.arange(50)
    one, two = (
        search([np.exp(-((x - peak) ** 2) / (2 * narrow**2))] * 2, nipple=(0.0, 1.0))
        for peak in (10, 10 + apart)
    )
    found = select_region_pair(one, two)
    kept = [region.saliency / most(view) for view, region in zip((one, two), found)]
    assert min(kept) >= 0.5
    # half of a peak's height is 1.18 standard deviations beside it
    near = apart - 2 * 1.18 * narrow
    assert found[1].x1 - found[0].x1 == pytest.approx(max(near, 0), abs=2)
    if near < 0:  # both give up as much
        assert kept[0] == pytest.approx(kept[1], abs=0.1)
    free = select_region_pair(one, two, least_share=0)
    assert free[0].x1 == free[1].x1  # whatever is lost by it
    assert (apart, narrow) != (30, 2.0) or free[0].saliency < 1e-6
    strict = select_region_pair(one, two, least_share=1)
    assert [region[:4] for region in strict] == [
        select_region(view.saliency, 1, 1)[:4] for view in (one, two)
    ]


@pytest.mark.parametrize('share', [-0.1, 1.1, float('nan')])
def test_shares_that_are_none(share):
    one = search(np.ones((4, 4)))
    with pytest.raises(ValueError, match='least_share must be a fraction from 0 to 1'):
        select_region_pair(one, one, least_share=share)


def test_no_pair_without_two_places():
    seen, dark = np.ones((4, 4)), np.zeros((4, 4))
    assert select_region_pair(search(seen), search(dark)) is None
    assert select_region_pair(search(seen), search(seen, (5, 1))) is None
    assert (
        select_region_pair(search(seen), search(seen, allowed=np.zeros((4, 4), bool)))
        is None
    )
