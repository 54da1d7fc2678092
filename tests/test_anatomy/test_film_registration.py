"""Registration of oblique films, whose nipples are seldom sure."""

from collections import Counter

import cv2
import numpy as np
import pytest
from film_phantom import film_pair, make_film

from mammo_plugins.anatomy import (
    BreastContour,
    CanonicalFrame,
    breast_mask,
    register_contralateral,
)

PAIRS = 12
OUTCOMES = {'shifted_by_nipples', 'shifted_by_contours', 'not_shifted'}


class Side:
    """A film in the canonical frame."""

    def __init__(self, film):
        frame = CanonicalFrame.of(film.pixels, 8)
        assert not frame.flipped
        self.image = np.ascontiguousarray(frame.image_to_canonical(film.pixels))
        self.truth = np.ascontiguousarray(frame.image_to_canonical(film.mask))
        self.nipple = np.array(film.nipple) - frame.crop[:2]
        self.contour = BreastContour.of(self.image)

    def cut(self, top, bottom):
        """The same between two shares of its height."""
        part = object.__new__(Side)
        rows = slice(*(round(share * len(self.image)) for share in (top, bottom)))
        part.image, part.truth = self.image[rows], self.truth[rows]
        part.nipple = self.nipple - [0, rows.start]
        part.contour = BreastContour.of(part.image)
        return part


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def overlaps(main, other, registration):
    """Dice of the true breasts with the image as it is, and registered."""
    shape = main.truth.shape
    as_it_is = np.zeros(shape, bool)
    height, width = np.minimum(shape, other.truth.shape)
    as_it_is[:height, :width] = other.truth[:height, :width]
    moved = registration.warp_image(other.truth.astype(np.float32)) > 0.5
    return dice(main.truth, as_it_is), dice(main.truth, moved)


def both_ways(pair):
    for main, other in (pair, pair[::-1]):
        yield (
            main,
            other,
            register_contralateral(
                main.image,
                other.image,
                view='MLO',
                contours=(main.contour, other.contour),
            ),
        )


@pytest.fixture(scope='module')
def pairs():
    return [tuple(Side(film) for film in film_pair(seed)) for seed in range(PAIRS)]


def test_film_pairs_are_warped_and_come_together(pairs):
    """Of 400 registrations of such films, 2 fell back; Dice rose from 0.92 to 0.97."""
    found = []
    for pair in pairs:
        for main, other, registration in both_ways(pair):
            before, after = overlaps(main, other, registration)
            found.append((registration.status == 'warped', before, after))
            assert after >= before - 0.02
    warped, before, after = np.mean(found, axis=0)
    assert warped >= 0.92
    assert after > before + 0.02 and after > 0.95


@pytest.mark.parametrize('top, bottom', [(0.0, 0.8), (0.2, 1.0), (0.1, 0.9)])
def test_films_that_were_cut_are_warped_too(pairs, top, bottom):
    found = Counter()
    for pair in pairs[:4]:
        for main, other, registration in both_ways(
            [side.cut(top, bottom) for side in pair]
        ):
            before, after = overlaps(main, other, registration)
            assert after >= before - 0.02
            found[registration.status] += 1
    assert found['warped'] >= 7, found


def test_what_is_done_can_be_counted(pairs):
    for pair in pairs:
        for main, other, registration in both_ways(pair):
            done = OUTCOMES & set(registration.warnings)
            assert len(done) == (registration.status != 'warped')
            assert (registration.reason is None) == (registration.status == 'warped')
            # the overlap that was judged is that of the masks that were found
            masks = [breast_mask(side.image) for side in (main, other)]
            moved = registration.warp_image(masks[1].astype(np.float32)) > 0.5
            assert registration.overlap[1] == pytest.approx(
                dice(masks[0], moved), abs=0.01
            )


def test_a_nipple_that_is_not_in_profile_moves_nothing(pairs):
    one, other = (Side(make_film(5, side=side, profile=False)) for side in 'LR')
    registration = register_contralateral(one.image, other.image, view='MLO')
    assert 'nipples_unsure' in registration.warnings
    before, after = overlaps(one, other, registration)
    assert after >= before
    # those in profile are used
    one, other = (Side(make_film(5, side=side)) for side in 'LR')
    registration = register_contralateral(one.image, other.image, view='MLO')
    assert 'nipples_unsure' not in registration.warnings
    assert np.hypot(*(registration.map_points(other.nipple) - one.nipple)) < 6


def blank_line(contour):
    return BreastContour(contour.shape, contour.spans, contour.factors, None)


def test_without_skin_lines_the_contours_shift(pairs):
    """A breast that was moved comes back by as much."""
    one = Side(make_film(6, profile=False))
    other = object.__new__(Side)
    # what was 40 rows further down in the same frame
    other.image = np.vstack(
        [np.full((40, one.image.shape[1]), 30.0, np.float32), one.image]
    )[: len(one.image)]
    other.truth = np.vstack([np.zeros((40, one.image.shape[1]), bool), one.truth])[
        : len(one.image)
    ]
    other.contour = BreastContour.of(other.image)
    registration = register_contralateral(
        one.image,
        other.image,
        view='MLO',
        contours=(one.contour, blank_line(other.contour)),
    )
    assert registration.status == 'aligned'
    assert {'no_skin_line', 'shifted_by_contours'} <= set(registration.warnings)
    assert registration.affine[1, 2] == pytest.approx(-40, abs=4)
    before, after = overlaps(one, other, registration)
    assert after > before + 0.05


def test_nipples_that_tear_the_breasts_apart_are_not_followed(pairs):
    """Stated ones too: 0.3 of the height apart, where both overlap well already."""
    one, other = pairs[1]
    rows = one.nipple[1], one.nipple[1] - 0.3 * len(one.image)
    registration = register_contralateral(
        one.image,
        other.image,
        (60.0, rows[0]),
        (60.0, rows[1]),
        'MLO',
        (one.contour, blank_line(other.contour)),
    )
    before, after = overlaps(one, other, registration)
    assert after >= before - 0.02
    assert 'overlap_lowered' in registration.warnings


def test_a_contour_contains_its_mask():
    film = make_film(7)
    for height in (512, 1300):
        pixels = cv2.resize(film.pixels, None, fx=height / 512, fy=height / 512)
        contour = BreastContour.of(pixels)
        y, x = np.mgrid[:height:7, : pixels.shape[1] : 7]
        inside = contour.contains(np.stack([x + 0.5, y + 0.5], -1))
        assert (inside == breast_mask(pixels)[y, x]).mean() > 0.99
        outside = np.array([[5.0, -1.0], [5.0, height + 1.0], [-1.0, height / 2]])
        assert not contour.contains(outside).any()


def test_larger_scans_are_registered_alike():
    images = [Side(film).image for film in film_pair(2, 768)]
    small = register_contralateral(*images, view='MLO')
    for scale in (2, 4):
        larger = [
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
            for image in images
        ]
        large = register_contralateral(*larger, view='MLO')
        assert large.status == small.status and large.warnings == small.warnings
        points = np.array([[30.0, 150.0], [90.0, 300.0], [60.0, 450.0]])
        assert large.map_points(scale * points) == pytest.approx(
            scale * small.map_points(points), abs=3.5 * scale
        )
