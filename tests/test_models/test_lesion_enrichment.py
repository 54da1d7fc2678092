"""Algorithm 1 and eqs. 8 and 9 of NaFV-Net, pixel by pixel."""

import math

import cv2
import lesion_enrichment_reference as reference
import numpy as np
import pytest
import torch

from mammo_plugins.models import utils


def position_mask(mask, unit=None):
    return utils.position_mask(torch.from_numpy(mask)[None], unit)[0].numpy()


def lesion_boxes(mask):
    parts = utils.parts_of(torch.from_numpy(mask)[None])
    return [tuple(box) for box in parts.boxes[0][parts.there[0]].tolist()]


def contralateral_fusion(unaffected, affected, mask):
    return utils.contralateral_fusion(
        *(torch.from_numpy(image)[None] for image in (unaffected, affected, mask))
    )[0].numpy()


def moved_lesions(mask, shares):
    masks = torch.from_numpy(mask)[None]
    return utils.moved_lesions(
        masks,
        utils.parts_of(masks).boxes,
        torch.tensor(shares, dtype=torch.float64)[None],
    )[0].numpy()


def blobs(seed, shape=(40, 33), number=5):
    """A mask of rings, discs and specks, some touching at corners alone."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(number + 1)):
        centre = tuple(int(rng.integers(size)) for size in shape[::-1])
        cv2.circle(mask, centre, int(rng.integers(8)), 1, int(rng.choice([-1, 1])))
    return mask.astype(bool)


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
        distances = {
            (x, y): math.dist((x + 0.5, y + 0.5), (cx, cy))
            for x in range(width)
            for y in range(height)
        }
        farthest = max(distances.values())
        for (x, y), d in distances.items():
            if mask[y, x]:
                weight = 1.0
            elif x1 <= x < x2 and y1 <= y < y2:
                weight = 0.9
            else:
                weight = max(
                    0, 0.9 - (0.9 * d / farthest if unit is None else d / unit)
                )
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


@pytest.mark.parametrize('unit', [1.0, 4.0, 20.0])
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
    with pytest.raises(ValueError, match='bool mask'):
        utils.position_mask(torch.zeros(4, 4, dtype=torch.bool))


def test_fusion_is_a_convex_mixture_in_the_box_alone():
    rng = np.random.default_rng(0)
    unaffected, affected = rng.random((2, 30, 20))
    box = (4, 6, 13, 21)
    fused = contralateral_fusion(unaffected, affected, lesion(box, shape=(30, 20)))
    outside = ~lesion(box, shape=(30, 20))
    np.testing.assert_array_equal(
        fused[outside], unaffected.astype(np.float32)[outside]
    )
    # alpha of eq. 9, worked out of the pixels, is the Gaussian's complement
    window = slice(6, 21), slice(4, 13)
    alpha = ((fused - affected) / (unaffected - affected))[window]
    rows, columns = np.arange(15) + 0.5 - 7.5, np.arange(9) + 0.5 - 4.5
    expected = 1 - np.exp(-((rows[:, None] / 4.5) ** 2) / 2 - (columns / 2.7) ** 2 / 2)
    np.testing.assert_allclose(alpha, expected, atol=1e-3)
    assert fused[13, 8] == pytest.approx(affected[13, 8], abs=1e-6)  # the middle


def test_images_that_are_not_registered():
    with pytest.raises(ValueError, match='register'):
        contralateral_fusion(
            np.zeros((10, 10)), np.zeros((5, 10)), np.zeros((10, 10), bool)
        )


def test_lesions_move_with_their_boxes():
    mask = lesion((2, 3, 6, 8), (9, 12, 13, 18))
    mask[4, 3] = False  # not a whole box
    moved = moved_lesions(mask, [(0.3, -0.2), (-0.6, 0.5)])  # the larger first
    expected = np.zeros_like(mask)
    for (x1, y1, x2, y2), dx, dy in (((9, 12, 13, 18), 1, -1), ((2, 3, 6, 8), -2, 2)):
        for y in range(y1, y2):
            for x in range(x1, x2):
                if mask[y, x]:
                    expected[y + dy, x + dx] = True
    assert (moved == expected).all() and not (moved == mask).all()
    assert (moved_lesions(mask, [(0.0, 0.0), (0.0, 0.0)]) == mask).all()


def test_a_lesion_moved_over_the_border_is_cut():
    mask = lesion((0, 0, 10, 10))
    assert moved_lesions(mask, [(-0.4, 0.0)]).sum() == 60
    assert moved_lesions(mask, [(-0.4, -0.3)]).sum() == 42
    assert not moved_lesions(mask, [(-1.1, 0.0)]).any()


def test_parts_are_those_of_opencv():
    masks = np.stack([blobs(seed) for seed in range(40)])
    # long ways round, touching at corners
    masks[0], masks[1] = np.indices((40, 33)).sum(axis=0) % 2 == 0, True
    spiral = np.zeros((40, 33), bool)
    spiral[::4], spiral[:, 0] = True, False
    spiral[2::8, -1] = spiral[1::8, -1] = spiral[3::8, -1] = True
    spiral[5::8, 1] = spiral[6::8, 1] = spiral[7::8, 1] = True
    masks[2] = spiral
    parts = utils.parts_of(torch.from_numpy(masks))
    kept = utils.largest_parts(torch.from_numpy(masks), 2).numpy()
    for k, mask in enumerate(masks):
        number, labels, facts, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=8
        )
        found = parts.labels[k].numpy()
        firsts = {
            int(np.flatnonzero(labels.ravel() == label)[0])
            for label in range(1, number)
        }
        assert set(np.unique(found[mask])) == firsts
        assert all(
            len(np.unique(found[labels == label])) == 1 for label in range(1, number)
        )
        assert parts.there[k].sum() == number - 1
        assert sorted(lesion_boxes(mask)) == sorted(reference.lesion_boxes(mask))
        areas = sorted(facts[1:, cv2.CC_STAT_AREA])[::-1]
        assert kept[k].sum() == sum(areas[:2]) and not (kept[k] & ~mask).any()
    assert utils.parts_of(torch.zeros(2, 4, 4, dtype=torch.bool)).boxes.shape == (
        2,
        0,
        4,
    )


@pytest.mark.parametrize('unit', [None, 5.0])
def test_batches_equal_masks_one_by_one(unit):
    """Against the functions of before, in numpy."""
    masks = np.stack([blobs(seed, number=3) for seed in range(12)])
    unaffected, affected = np.random.default_rng(0).random((2, 12, 40, 33), np.float32)
    weights = utils.position_mask(torch.from_numpy(masks), unit)
    fused = utils.contralateral_fusion(
        *map(torch.from_numpy, (unaffected, affected, masks))
    )
    for k, mask in enumerate(masks):
        np.testing.assert_allclose(
            weights[k], reference.position_mask(mask, unit), atol=1e-6
        )
        np.testing.assert_allclose(
            fused[k],
            reference.contralateral_fusion(
                unaffected[k], affected[k], reference.lesion_boxes(mask)
            ),
            atol=1e-6,
        )
    assert weights.dtype == fused.dtype == torch.float32


def test_remapped_is_opencvs():
    rng = np.random.default_rng(0)
    images = rng.random((3, 40, 33), np.float32)
    maps = rng.uniform(-4, 44, (3, 2, 20, 25)).astype(np.float32)
    maps[0, :, 0] = np.arange(25) + 0.5  # halves go to the even side
    # OpenCV 5 rounds no places: each moves by 1/64 pixel at most, both ways
    rounding = 1e-6 if cv2.__version__ < '5' else 2 / 64
    for nearest, flag in ((False, cv2.INTER_LINEAR), (True, cv2.INTER_NEAREST)):
        found = utils.remapped(*map(torch.from_numpy, (images, maps)), nearest=nearest)
        for k in range(3):
            np.testing.assert_allclose(
                found[k],
                cv2.remap(images[k], *maps[k], flag),
                atol=1e-6 if nearest else rounding,
            )
