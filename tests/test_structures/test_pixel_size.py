import numpy as np
import pytest

from mammo_plugins.structures.pixel_size import network_pixel_size, pixel_size_warning


def test_a_pixel_of_the_input_by_a_length():
    """A rod of 20 mm: its pixels in the file, taken to the input, counted there."""
    spacing = (0.08, 0.08)
    turn, shrink = np.deg2rad(30.0), 0.4
    matrix = np.array(
        [
            [shrink * np.cos(turn), -shrink * np.sin(turn), 50.0],
            [-shrink * np.sin(turn), -shrink * np.cos(turn), 7.0],  # a flip
            [0.0, 0.0, 1.0],
        ]
    )
    ends = np.array([[100.0, 40.0, 1.0], [100.0 + 20 / 0.08, 40.0, 1.0]]) @ matrix.T
    length = np.linalg.norm(ends[1] - ends[0])
    view = dict(pixel_spacing_mm=spacing, homography_matrix=matrix)
    assert network_pixel_size(view) == pytest.approx(20 / length)
    # twice as tall as wide: a square of the same area
    view = dict(pixel_spacing_mm=(0.1, 0.1), homography_matrix=np.diag([0.5, 0.25, 1]))
    assert network_pixel_size(view) == pytest.approx((0.2 * 0.4) ** 0.5)


@pytest.mark.parametrize(
    'view',
    [
        dict(),
        dict(pixel_spacing_mm=None, homography_matrix=np.eye(3)),
        dict(pixel_spacing_mm=(0.1, 0.1)),
        dict(pixel_spacing_mm=(0.0, 0.1), homography_matrix=np.eye(3)),
    ],
)
def test_what_is_not_known(view):
    assert network_pixel_size(view) is None


@pytest.mark.parametrize(
    'size, trained, warned',
    [
        (0.1, 0.1, False),
        (0.1, 0.199, False),
        (0.1, 0.051, False),
        (0.1, 0.21, True),
        (0.21, 0.1, True),
        (None, 0.1, False),
        (0.1, None, False),
    ],
)
def test_more_than_a_factor_of_two(size, trained, warned):
    said = pixel_size_warning(size, trained)
    assert bool(said) == warned
    if warned:
        assert f'{size:.2g} mm here and was {trained:.2g} mm in training' in said
