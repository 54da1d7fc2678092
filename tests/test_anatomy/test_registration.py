"""The other breast's image on the main one."""

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from mammo_plugins.anatomy import (
    CanonicalFrame,
    find_skin_line,
    register_contralateral,
    transform_points,
)
from mammo_plugins.phantom import PhantomConfig, make_exam

CONFIG = PhantomConfig(size=(256, 128))
EXAMS = 10


class Side:
    """One view in the canonical frame, without lesions."""

    def __init__(self, view):
        frame = CanonicalFrame.of(view.pixels, margin=8)
        self.image = frame.image_to_canonical(view.normal).astype(np.float32)
        self.nipple = transform_points(view.nipple, frame.matrix)
        self.mask = frame.image_to_canonical(view.breast_mask)
        self.line = find_skin_line(self.image)
        # the true skin line, which the registration does not see
        rows = np.flatnonzero(self.mask.any(axis=1))[2:-2]
        self.outline = np.column_stack([self.mask.sum(axis=1)[rows], rows + 0.5])


@pytest.fixture(scope='module')
def pairs():
    found = []
    for seed in range(EXAMS):
        views = make_exam(seed, CONFIG).views
        for projection in ('CC', 'MLO'):
            one, other = (Side(views[side, projection, 'FFDM']) for side in ('R', 'L'))
            found += [(projection, one, other), (projection, other, one)]
    return found


def register(projection, main, other):
    return register_contralateral(
        main.image, other.image, main.nipple, other.nipple, projection
    )


def flipped_only(main, image):
    """The other image as it is, on the main one's canvas."""
    canvas = np.zeros_like(main.image)
    height, width = np.minimum(image.shape, canvas.shape)
    canvas[:height, :width] = image[:height, :width]
    return canvas


def contour_error(main, line):
    """Mean distance of a skin line from the main one, where that is."""
    top, bottom = main.outline[[0, -1], 1]
    inside = (line[:, 1] >= top) & (line[:, 1] <= bottom)
    # denser than its rows, where it runs across them
    at = np.linspace(0, 1, 10 * len(main.outline))
    along = np.linspace(0, 1, len(main.outline))
    dense = np.column_stack([np.interp(at, along, v) for v in main.outline.T])
    return cKDTree(dense).query(line[inside])[0].mean()


def texture(image, inside):
    """Parenchyma: detail of about 1 to 5 mm, without the breast's thickness."""
    weight = inside.astype(np.float32)

    def smooth(sigma):
        return cv2.GaussianBlur(image * weight, (0, 0), sigma) / np.maximum(
            cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3
        )

    return smooth(0.7 / CONFIG.pixel_mm) - smooth(4.5 / CONFIG.pixel_mm)


def parenchymal_correlation(main, image, mask):
    both = main.mask & (mask > 0.5)
    core = cv2.erode(both.astype(np.uint8), np.ones((5, 5))) > 0
    return np.corrcoef(texture(main.image, both)[core], texture(image, both)[core])[
        0, 1
    ]


def test_contours_and_parenchyma_come_together(pairs):
    better = []
    for projection, main, other in pairs:
        registration = register(projection, main, other)
        assert registration.status == 'warped'
        mask = other.mask.astype(np.float32)
        shift = [0, main.nipple[1] - other.nipple[1]]
        contour = [
            contour_error(main, outline)
            for outline in (
                registration.map_points(other.outline),
                other.outline,
                other.outline + shift,
            )
        ]
        correlation = (
            parenchymal_correlation(
                main,
                registration.warp_image(other.image),
                registration.warp_image(mask),
            ),
            parenchymal_correlation(
                main, flipped_only(main, other.image), flipped_only(main, mask)
            ),
        )
        better.append(
            (
                contour[0] < contour[1],
                contour[0] < contour[2],
                correlation[0] > correlation[1],
            )
        )
    share = np.mean(better, axis=0)
    assert (share >= 0.95).all(), share


def test_points_follow_the_image(pairs):
    """A blob is found where map_points says, and maps back."""
    for projection, main, other in pairs[:8]:
        registration = register(projection, main, other)
        for depth, row in ((0.4, -0.3), (0.5, 0.0), (0.7, 0.2)):
            x = depth * other.nipple[0]
            y = other.nipple[1] + row * other.nipple[0]
            rows, columns = np.indices(other.image.shape) + 0.5
            blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
            warped = registration.warp_image(blob.astype(np.float32))
            rows, columns = np.indices(warped.shape) + 0.5
            centre = [np.average(v, weights=warped) for v in (columns, rows)]
            mapped = registration.map_points([x, y])
            assert np.hypot(*(mapped - centre)) < 0.5
            back = registration.inverse_points(mapped)
            assert back == pytest.approx([x, y], abs=1e-6)


def test_nothing_folds(pairs):
    for projection, main, other in pairs:
        registration = register(projection, main, other)
        height, width = main.image.shape
        grid = np.stack(np.meshgrid(np.arange(1.0, width), np.arange(1.0, height)), -1)
        mapped = registration.inverse_points(grid)
        across = np.diff(mapped, axis=1)[:-1]
        down = np.diff(mapped, axis=0)[:, :-1]
        determinant = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        assert (determinant > 0).all()


def test_an_image_is_registered_onto_itself_as_it_is(pairs):
    projection, main, _ = pairs[0]
    registration = register(projection, main, main)
    points = main.line[40:-40:20] * [0.8, 1]
    assert np.abs(registration.map_points(points) - points).max() < 0.1
    inside = main.mask
    difference = registration.warp_image(main.image) - main.image
    assert np.abs(difference[inside]).mean() < 0.01 * main.image[inside].mean()


def test_a_known_change_is_undone(pairs):
    """A breast that was scaled and shifted comes back to its own place."""
    projection, main, _ = pairs[0]
    scale, shift = (0.9, 0.85), 12.0
    change = np.array([[scale[0], 0, 0], [0, scale[1], shift]])
    pixel_centres = change.copy()
    pixel_centres[:, 2] += change[:, :2] @ (0.5, 0.5) - 0.5
    moved = cv2.warpAffine(main.image, pixel_centres, main.image.shape[::-1])
    nipple = change[:, :2] @ main.nipple + change[:, 2]
    registration = register_contralateral(
        main.image, moved, main.nipple, nipple, projection
    )
    points = main.line[40:-40:20] * [0.7, 1]
    mapped = registration.map_points(points @ change[:, :2].T + change[:, 2])
    assert np.hypot(*(mapped - points).T).mean() < 1


def test_a_known_bend_is_undone(pairs):
    """Depth that varies smoothly from row to row is no affine change."""
    _, main, _ = pairs[0]
    height, width = main.image.shape

    def bend(y):
        return 1 + 0.06 * np.sin(4 * np.pi * y / height)

    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    bent = cv2.remap(
        main.image,
        ((columns / bend(rows)) - 0.5).astype(np.float32),
        (rows - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    nipple = main.nipple * [bend(main.nipple[1]), 1]
    registration = register_contralateral(main.image, bent, main.nipple, nipple)
    points = main.outline[15:-15:8]
    moved = points * np.column_stack([bend(points[:, 1]), np.ones(len(points))])
    before = contour_error(main, moved)
    assert before > 2
    assert contour_error(main, registration.map_points(moved)) < 0.25 * before
    assert np.isfinite(registration.warp_image(bent)).all()


def test_breasts_of_different_women_fit_too(pairs):
    for (projection, main, _), (_, _, other) in zip(pairs, pairs[4:]):
        registration = register(projection, main, other)
        assert registration.status == 'warped'
        mapped = registration.map_points(other.outline)
        assert contour_error(main, mapped) < 0.02 * main.nipple[0]
        assert np.isfinite(registration.warp_image(other.image)).all()


class TestFallBack:
    def test_no_breast(self, pairs):
        projection, main, other = pairs[0]
        registration = register_contralateral(
            main.image,
            np.zeros_like(other.image),
            main.nipple,
            other.nipple,
            projection,
        )
        assert registration.status == 'aligned'
        assert 'auxiliary' in registration.reason
        # aligned by the nipples
        mapped = registration.map_points(other.nipple)
        assert mapped[1] == pytest.approx(main.nipple[1])
        assert registration.warp_image(other.image).shape == main.image.shape

    def test_neither_breast_nor_nipple(self, pairs):
        main = pairs[0][1]
        empty = np.zeros((50, 40), np.float32)
        registration = register_contralateral(main.image, empty)
        assert registration.status == 'aligned'
        assert registration.map_points([3.0, 4.0]) == pytest.approx([3.0, 4.0])

    def test_sizes_that_no_woman_has(self, pairs):
        _, main, other = pairs[0]
        tiny = np.zeros_like(other.image)
        small = cv2.resize(other.image, None, fx=0.35, fy=0.35)
        tiny[60 : 60 + small.shape[0], : small.shape[1]] = small
        registration = register_contralateral(main.image, tiny)
        assert registration.status == 'aligned'
        assert 'size' in registration.reason

    def test_nipples_on_opposite_ends(self, pairs):
        """One of the two is wrong: the contours are registered without them."""
        projection, main, other = pairs[0]
        height = min(len(main.image), len(other.image))
        registration = register_contralateral(
            main.image, other.image, (5.0, 1.0), (5.0, height - 1.0), projection
        )
        assert 'nipples_apart' in registration.warnings
        assert registration.status == 'warped'
        mapped = registration.map_points(other.nipple)
        assert np.hypot(*(mapped - main.nipple)) < 0.1 * main.nipple[0]

    @pytest.mark.parametrize('wrong', [(-50.0, 9.0), (5.0, 1e5), (np.nan, np.nan)])
    def test_a_nipple_outside_the_image_is_not_believed(self, pairs, wrong):
        projection, main, other = pairs[0]
        registration = register_contralateral(
            main.image, other.image, wrong, wrong, projection
        )
        unknown = register_contralateral(main.image, other.image, view=projection)
        assert registration.status == unknown.status == 'warped'
        assert np.array_equal(registration.affine, unknown.affine)

    def test_nipples_are_found_where_none_are_given(self, pairs):
        projection, main, other = pairs[0]
        registration = register_contralateral(main.image, other.image, view=projection)
        assert registration.status == 'warped'
        mapped = registration.map_points(other.nipple)
        assert np.hypot(*(mapped - main.nipple)) < 3
