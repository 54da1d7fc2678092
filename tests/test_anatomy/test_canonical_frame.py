import json

import numpy as np
import pytest

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes, transform_points


def breast(side):
    """An image with one bright breast and its frame."""
    y, x = np.mgrid[:150, :100] + 0.5
    wall = 0 if side == 'left' else 100
    inside = (x - wall) ** 2 + (y - 70) ** 2 < 50**2
    pixels = np.where(inside, 0.4 + 0.002 * x, 0).astype(np.float32)
    return pixels, CanonicalFrame.of(pixels, margin=4)


@pytest.mark.parametrize('side', ['left', 'right'])
def test_chest_wall_comes_to_the_left(side):
    pixels, frame = breast(side)
    canonical = frame.image_to_canonical(pixels)
    assert canonical.shape == frame.shape
    assert frame.flipped == (side == 'right')
    assert (canonical[:, 0] > 0).sum() > 80 > 20 > (canonical[:, -1] > 0).sum()


@pytest.mark.parametrize('side', ['left', 'right'])
def test_round_trips_are_exact(side):
    pixels, frame = breast(side)
    rng = np.random.default_rng(2)
    # pixels and masks: all that lies in the crop comes back
    back = frame.image_to_source(frame.image_to_canonical(pixels))
    x1, y1, x2, y2 = frame.crop
    np.testing.assert_array_equal(back[y1:y2, x1:x2], pixels[y1:y2, x1:x2])
    points = rng.uniform(0, 100, (20, 2))
    there = transform_points(points, frame.matrix)
    np.testing.assert_allclose(
        transform_points(there, frame.inverse), points, atol=1e-9
    )
    boxes = np.sort(rng.uniform(0, 100, (20, 2, 2)), axis=1).reshape(-1, 4)
    there = transform_boxes(boxes, frame.matrix)
    assert (there[:, 2:] >= there[:, :2]).all()
    np.testing.assert_allclose(transform_boxes(there, frame.inverse), boxes, atol=1e-9)


@pytest.mark.parametrize('side', ['left', 'right'])
def test_boxes_follow_the_pixels(side):
    pixels, frame = breast(side)
    mask = np.zeros(pixels.shape, bool)
    x = 10 if side == 'left' else 70
    mask[60:75, x : x + 20] = True  # pixel k covers [k, k + 1)
    ys, xs = np.nonzero(frame.image_to_canonical(mask))
    expected = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    box = transform_boxes([x, 60, x + 20, 75], frame.matrix)[0]
    np.testing.assert_allclose(box, expected)


def test_no_breast_keeps_the_whole_image():
    frame = CanonicalFrame.of(np.zeros((30, 20), np.float32), margin=4)
    assert frame == CanonicalFrame(20, 30, (0, 0, 20, 30), False, found=False)


def test_a_breast_that_fills_the_image_is_found():
    pixels, frame = breast('right')
    frame = CanonicalFrame.of(pixels, margin=100)
    assert frame == CanonicalFrame(
        100, 150, (0, 0, 100, 150), True, found=True, outline=frame.outline
    )


def test_survives_json():
    _, frame = breast('right')
    assert CanonicalFrame.from_dict(json.loads(json.dumps(frame.to_dict()))) == frame


def test_size_of_another_image_is_refused():
    _, frame = breast('left')
    with pytest.raises(ValueError, match='expects 150 x 100'):
        frame.image_to_canonical(np.zeros((10, 10)))
    with pytest.raises(ValueError, match='expected'):
        frame.image_to_source(np.zeros((10, 10)))


def test_homography_by_hand():
    matrix = np.array([[2.0, 0, 1], [0, 3, -1], [0, 0, 2]])
    np.testing.assert_allclose(transform_points([1, 2], matrix), [1.5, 2.5])


@pytest.mark.parametrize('side', ['left', 'right'])
def test_boxes_on_and_off_the_breast(side):
    """Against the half disc that the breast is; 2% of the crop's height are near."""
    pixels, frame = breast(side)
    rng = np.random.default_rng(5)
    height, width = frame.shape
    x1, y1, x2, y2 = frame.crop
    centres = rng.uniform((-5, -10), (width + 20, height + 10), (500, 2))
    boxes = np.concatenate([centres - [3, 2], centres + [3, 2]], axis=1)
    # distance from the disc, whose middle lies on the chest wall
    beyond = np.hypot(centres[:, 0], centres[:, 1] + y1 - 70) - 50
    beyond = np.maximum(beyond, -centres[:, 0])
    near, unsure = 0.02 * height, 1.5  # the mask follows the skin that exactly
    inside = frame.inside_breast(boxes)
    assert inside[beyond < near - unsure].all()
    assert not inside[beyond > near + unsure].any()
    assert 100 < inside.sum() < 400
    assert frame.inside_breast(np.zeros((0, 4))).shape == (0,)


def test_without_a_breast_every_box_counts():
    frame = CanonicalFrame.of(np.zeros((40, 30), np.float32))
    assert frame.inside_breast([[0, 0, 1, 1], [28, 38, 30, 40]]).all()
    assert (
        CanonicalFrame(30, 40, (0, 0, 30, 40), False)
        .inside_breast([[0, 0, 1, 1]])
        .all()
    )
