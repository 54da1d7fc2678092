"""Algorithm 1 and eqs. 8 and 9 of NaFV-Net, pixel by pixel."""
import math

import numpy as np
import pytest

from mammo_plugins.synthesis import (contralateral_fusion, jittered, jittered_lesions,
                                     lesion_boxes, position_mask)


def lesion(*parts, shape=(20, 14)):
    mask = np.zeros(shape, bool)
    for x1, y1, x2, y2 in parts:
        mask[y1:y2, x1:x2] = True
    return mask


def by_loop(mask, boxes, unit=None):
    """The largest of each lesion's weights, straight from the text."""
    height, width = mask.shape
    found = np.zeros(mask.shape)
    for x1, y1, x2, y2 in boxes:
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        distances = {(x, y): math.dist((x + 0.5, y + 0.5), (cx, cy))
                     for x in range(width) for y in range(height)}
        farthest = max(distances.values())
        for (x, y), d in distances.items():
            if mask[y, x]:
                weight = 1.
            elif x1 <= x < x2 and y1 <= y < y2:
                weight = 0.9
            else:
                weight = max(0, 0.9 - (0.9 * d / farthest if unit is None
                                       else d / unit))
            found[y, x] = max(found[y, x], weight)
    return found


def test_one_lesion():
    mask = lesion((3, 4, 7, 12))
    mask[4, 3] = mask[11, 6] = False  # corners of its box
    found = position_mask(mask)
    np.testing.assert_allclose(found, by_loop(mask, [(3, 4, 7, 12)]), atol=1e-6)
    assert found[5, 4] == 1 and found[4, 3] == np.float32(0.9)
    assert found.min() == 0 and (found == 0).sum() == 1  # the farthest corner alone
    assert found[4, 8] < 0.9  # just outside


def test_several_lesions():
    mask = lesion((1, 2, 5, 5), (9, 14, 12, 19))
    boxes = [(1, 2, 5, 5), (9, 14, 12, 19)]
    np.testing.assert_allclose(position_mask(mask), by_loop(mask, boxes), atol=1e-6)
    assert lesion_boxes(mask) == boxes[::-1]  # the larger first


@pytest.mark.parametrize('unit', [1., 4., 20.])
def test_algorithm_1_in_units(unit):
    """In pixels, as it is printed, nothing outside of the boxes is left."""
    boxes = [(1, 2, 5, 5), (9, 14, 12, 19)]
    mask = lesion(*boxes)
    found = position_mask(mask, unit)
    np.testing.assert_allclose(found, by_loop(mask, boxes, unit), atol=1e-6)
    assert (found[~mask].max() > 0) == (unit > 1)
    with pytest.raises(ValueError, match='unit: 0; expected pixels'):
        position_mask(mask, 0)


def test_no_lesion_tells_no_position():
    assert (position_mask(lesion()) == 1).all()
    assert lesion_boxes(lesion()) == []


def test_masks_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match='bool mask'):
        position_mask(np.zeros((4, 4)))


def test_fusion_is_a_convex_mixture_in_the_box_alone():
    rng = np.random.default_rng(0)
    unaffected, affected = rng.random((2, 30, 20))
    box = (4, 6, 13, 21)
    fused = contralateral_fusion(unaffected, affected, [box])
    outside = ~lesion(box, shape=(30, 20))
    np.testing.assert_array_equal(
        fused[outside], unaffected.astype(np.float32)[outside])
    # alpha of eq. 9, worked out of the pixels, is the Gaussian's complement
    window = slice(6, 21), slice(4, 13)
    alpha = ((fused - affected) / (unaffected - affected))[window]
    rows, columns = np.arange(15) + 0.5 - 7.5, np.arange(9) + 0.5 - 4.5
    expected = 1 - np.exp(-(rows[:, None] / 4.5)**2 / 2 - (columns / 2.7)**2 / 2)
    np.testing.assert_allclose(alpha, expected, atol=1e-3)
    assert fused[13, 8] == pytest.approx(affected[13, 8], abs=1e-6)  # the middle


def test_boxes_over_the_border():
    unaffected, affected = np.zeros((10, 10)), np.ones((10, 10))
    whole = contralateral_fusion(np.zeros((30, 30)), np.ones((30, 30)),
                                 [(5, 5, 15, 15)])
    part = contralateral_fusion(unaffected, affected, [(-5, -5, 5, 5)])
    np.testing.assert_array_equal(part[:5, :5], whole[10:15, 10:15])
    assert contralateral_fusion(unaffected, affected, [(12, 2, 15, 5)]).max() == 0
    with pytest.raises(ValueError, match='register'):
        contralateral_fusion(unaffected, affected[:5], [])


def test_jitter():
    rng = np.random.default_rng(0)
    box = (10, 20, 30, 60)
    moved = np.array([jittered(box, rng, 0.1) for _ in range(500)])
    shift = moved - box
    assert (shift[:, :2] == shift[:, 2:]).all()  # the size stays
    assert np.abs(shift[:, 0]).max() == 2 and np.abs(shift[:, 1]).max() == 4
    assert jittered(box, rng, 0.) == box


def test_lesions_move_with_their_boxes():
    mask = lesion((2, 3, 6, 8), (9, 12, 13, 18))
    mask[4, 3] = False  # not a whole box
    moved = jittered_lesions(mask, np.random.default_rng(1), 0.3)
    rng = np.random.default_rng(1)
    expected = np.zeros_like(mask)
    for x1, y1, x2, y2 in lesion_boxes(mask):
        left, top, _, _ = jittered((x1, y1, x2, y2), rng, 0.3)
        for y in range(y1, y2):
            for x in range(x1, x2):
                to = top + y - y1, left + x - x1
                if mask[y, x] and 0 <= to[0] < 20 and 0 <= to[1] < 14:
                    expected[to] = True
    assert (moved == expected).all() and not (moved == mask).all()
    assert (jittered_lesions(mask, rng, 0.) == mask).all()


def test_a_lesion_moved_over_the_border_is_cut():
    mask = lesion((0, 0, 10, 10))
    counts = {int(jittered_lesions(mask, np.random.default_rng(k), 0.4).sum())
              for k in range(20)}
    assert min(counts) < 100 and 0 not in counts
