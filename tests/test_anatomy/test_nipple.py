"""The nipple by the skin line, on phantoms that know theirs."""

import cv2
import numpy as np
import pytest

from mammo_plugins.anatomy import (
    CanonicalFrame,
    PectoralEdge,
    find_nipple,
    find_skin_line,
    locate_nipple,
    transform_points,
)
from mammo_plugins.anatomy.nipple import judge_nipple
from mammo_plugins.phantom import PhantomConfig, make_exam

CONFIG = PhantomConfig(size=(256, 128))


def canonical(view):
    """A view's image in the canonical frame, and its nipple there."""
    frame = CanonicalFrame.of(view.pixels, margin=8)
    image = frame.image_to_canonical(view.pixels).astype(np.float32)
    return image, transform_points(view.nipple, frame.matrix)


def test_nipple_is_found_on_phantoms():
    errors = {'CC': [], 'MLO': []}
    for seed in range(6):
        for (_, projection, _), view in make_exam(seed, CONFIG).views.items():
            image, nipple = canonical(view)
            found = locate_nipple(image, projection)
            errors[projection].append(np.hypot(*(np.array(found) - nipple)))
    for pixels in errors.values():
        assert np.mean(pixels) < 1.8 and np.max(pixels) < 3


def test_skin_line_of_a_half_disc():
    """The line of a half disc against the chest wall is its circle."""
    rows, columns = np.indices((200, 120)) + 0.5
    disc = np.hypot(columns, rows - 100) < 80
    line = find_skin_line(disc.astype(np.float32))
    radius = np.hypot(line[:, 0], line[:, 1] - 100)
    # the mask is found on a blurred image and errs to the outside, evenly
    assert radius.std() < 0.5 and 0 <= radius.mean() - 80 < 2.5
    assert line[0, 1] < 50 and line[-1, 1] > 150
    x, y = locate_nipple(disc.astype(np.float32))
    assert abs(x - 80) < 3


def test_no_breast_no_nipple():
    assert locate_nipple(np.zeros((100, 60), np.float32)) is None
    assert find_skin_line(np.zeros((100, 60), np.float32)) is None


def breast(bump=6.0, at=0.0, height=400, width=240, bumps=()):
    """A half disc whose nipple lies at an angle in degrees; and the nipple."""
    y, x = np.mgrid[:height, :width] + 0.5
    r, angle = np.hypot(x, y - height / 2), np.degrees(np.arctan2(y - height / 2, x))
    skin = np.full_like(r, 160.0)
    for size, place in ((bump, at), *bumps):
        skin += size * np.exp(-(((angle - place) / 3) ** 2) / 2)
    image = 0.5 * np.clip((skin - r) / 10, 0, 1)
    tip = np.radians(at)
    nipple = np.array([np.cos(tip), np.sin(tip)]) * (160 + bump)
    return image.astype(np.float32), nipple + [0, height / 2]


@pytest.mark.parametrize('at', [-12.0, 0.0, 17.0])
def test_a_nipple_in_profile_is_sure(at):
    image, nipple = breast(at=at)
    found = find_nipple(image, 'CC')
    assert np.hypot(found.x - nipple[0], found.y - nipple[1]) < 5
    assert found.in_profile and found.confidence > 0.8
    assert locate_nipple(image, 'CC', least_confidence=0.8) == (found.x, found.y)


def test_a_nipple_not_in_profile_is_unsure():
    image, _ = breast(bump=0)
    found = find_nipple(image, 'CC')
    assert not found.in_profile and found.confidence <= 0.3
    assert locate_nipple(image, 'CC', least_confidence=0.31) is None
    assert locate_nipple(image, 'CC') is not None


def test_two_bumps_are_less_sure_than_one():
    one, _ = breast(at=-10)
    two, _ = breast(at=-10, bumps=[(5.0, 15.0)])
    assert find_nipple(two, 'CC').confidence < find_nipple(one, 'CC').confidence - 0.2


def test_a_nipple_that_the_image_cuts_off_is_not_believed():
    image, _ = breast()
    assert find_nipple(image[:, :168], 'CC').confidence > 0.8
    assert find_nipple(image[:, :157], 'CC').confidence <= 0.1


@pytest.mark.parametrize('margin', [0, 8, 60])
def test_a_tall_scan_is_not_taken_for_a_cut_one(margin):
    """8 pixels of 4,700 are less than the skin line's own error."""
    scale = 4700 / 400
    image = cv2.resize(breast()[0], None, fx=scale, fy=scale)
    whole = find_nipple(image, 'CC')
    frame = CanonicalFrame.of(image, margin)
    found = find_nipple(frame.image_to_canonical(image), 'CC')
    assert found.in_profile and found.confidence > 0.8
    assert found.confidence == pytest.approx(whole.confidence, abs=0.15)
    cut = find_nipple(image[:, : round(157 * scale)], 'CC')
    assert cut.confidence <= 0.1


@pytest.mark.parametrize('bump', [0.0, 6.0])
@pytest.mark.parametrize('scale', [2, 4])
def test_a_larger_scan_has_the_same_nipple(scale, bump):
    image, _ = breast(bump=bump, at=5.0, height=512, width=300)
    larger = cv2.resize(
        image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST
    )
    small, large = find_nipple(image, 'CC'), find_nipple(larger, 'CC')
    assert (large.x, large.y) == pytest.approx(
        (scale * small.x, scale * small.y), abs=scale
    )
    assert large.confidence == pytest.approx(small.confidence, abs=0.02)
    assert large.in_profile == small.in_profile


def test_a_marker_is_not_the_nipple():
    image, nipple = breast()
    cv2.circle(image, (148, 140), 3, 1.0, -1)
    cv2.circle(image, (156, 240), 3, 1.0, -1)
    found = find_nipple(image, 'CC')
    assert np.hypot(found.x - nipple[0], found.y - nipple[1]) < 5


def test_the_muscle_tells_the_tip_of_an_oblique_breast():
    """Farthest from a muscle that leans by 20 degrees is 20 degrees further down."""
    image, _ = breast(bump=0)
    line = find_skin_line(image)
    lean = np.radians(20)
    edge = np.array([[60, 0], [60 - 150 * np.tan(lean), 150]])
    found = judge_nipple(line, 'MLO', PectoralEdge(edge, 1.0))
    assert np.degrees(np.arctan2(found.y - 200, found.x)) == pytest.approx(20, abs=3)
    assert judge_nipple(line, 'MLO').y == pytest.approx(200, abs=8)
