"""PatientOrientation is followed, and checked against the pixels."""

import itertools

import numpy as np
import pytest

from mammo_plugins.anatomy import CanonicalFrame, breast_mask, transform_points, turn_of

# unit vectors of the letters, in a body that looks along A, head along H
BODY = dict(
    A=(1, 0, 0), P=(-1, 0, 0), L=(0, 1, 0), R=(0, -1, 0), H=(0, 0, 1), F=(0, 0, -1)
)


def direction(text):
    return sum(np.array(BODY[letter]) * 2.0**-i for i, letter in enumerate(text))


def hung(view, laterality):
    """Return a breast in the canonical frame and the directions of its axes.

    The chest wall is on the left; an MLO meets the upper edge and not the lower one.
    """
    y, x = np.mgrid[:160, :120] + 0.5
    top, bottom = (30, 130) if view == 'CC' else (-60, 120)
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    inside = (x / 80) ** 2 + ((y - middle) / half) ** 2 < 1
    pixels = np.where(inside, 0.4 + x / 600 + y / 1000, 0).astype(np.float32)
    medial = 'R' if laterality == 'L' else 'L'
    return pixels, ('A', medial if view == 'CC' else 'F' + medial)


def reverse(text):
    return text.translate(str.maketrans('APLRHF', 'PARLFH'))


def stored(pixels, axes, transpose, across, down):
    """Store a hung image in one of the eight ways, with its orientation."""
    row, column = axes
    if across:
        pixels, row = pixels[:, ::-1], reverse(row)
    if down:
        pixels, column = pixels[::-1], reverse(column)
    if transpose:
        pixels, row, column = pixels.T, column, row
    return np.ascontiguousarray(pixels), (row, column)


WAYS = list(itertools.product([False, True], repeat=3))


@pytest.mark.parametrize('laterality', ['L', 'R'])
@pytest.mark.parametrize('view', ['CC', 'MLO'])
@pytest.mark.parametrize('way', WAYS)
def test_all_eight_ways_hang_alike(view, laterality, way):
    pixels, axes = hung(view, laterality)
    image, orientation = stored(pixels, axes, *way)
    frame = CanonicalFrame.of(image, 3, orientation, laterality, view)
    upright = CanonicalFrame.of(pixels, 3)
    np.testing.assert_array_equal(
        frame.image_to_canonical(image), upright.image_to_canonical(pixels)
    )
    assert frame.doubt is None and frame.shape == upright.shape
    if not any(way[1:]) and not way[0]:
        assert not (frame.flipped or frame.transposed or frame.upside_down)


@pytest.mark.parametrize('way', WAYS)
def test_points_and_images_go_together_and_back(way):
    pixels, axes = hung('MLO', 'L')
    image, orientation = stored(pixels, axes, *way)
    frame = CanonicalFrame.of(image, 3, orientation, 'L', 'MLO')
    marked = np.zeros_like(image)
    ys, xs = np.nonzero(breast_mask(image))
    rng = np.random.default_rng(0)
    for i in rng.integers(0, len(xs), 5):
        marked[:] = 0
        marked[ys[i], xs[i]] = 1
        (there,) = np.argwhere(frame.image_to_canonical(marked))
        point = transform_points([xs[i] + 0.5, ys[i] + 0.5], frame.matrix)
        np.testing.assert_allclose(point, there[::-1] + 0.5, atol=1e-9)
        np.testing.assert_array_equal(
            frame.image_to_source(frame.image_to_canonical(marked)), marked
        )
    np.testing.assert_allclose(frame.inverse @ frame.matrix, np.eye(3), atol=1e-12)
    assert CanonicalFrame.from_dict(frame.to_dict()) == frame


@pytest.mark.parametrize('laterality', ['L', 'R'])
@pytest.mark.parametrize('view', ['CC', 'MLO'])
@pytest.mark.parametrize('row', 'APLRHF')
@pytest.mark.parametrize(
    'column', ['A', 'P', 'L', 'R', 'H', 'F', 'FL', 'FR', 'HL', 'HR']
)
def test_turn_points_axes_where_they_belong(row, column, view, laterality):
    """After the turn, rows run to anterior and columns down, by vectors of the body."""
    turn = turn_of((row, column), laterality, view)
    if turn is None:
        assert not {row[0], column[0]} & set('AP') or (
            row[0] in 'AP' and column[0] in 'AP'
        )
        return
    x, y = direction(row), direction(column)
    if turn.transposed:
        x, y = y, x
    x, y = (-x if turn.flipped else x), (-y if turn.upside_down else y)
    assert x @ direction('A') > 0
    medial = direction('R' if laterality == 'L' else 'L')
    down = medial if view == 'CC' else direction('F')
    if abs(y @ down) > 0 and not {row[0], column[0]} <= set('AP'):
        assert y @ down > 0


@pytest.mark.parametrize('orientation', [None, ('L', 'F'), ('R', 'H')])
def test_without_a_usable_orientation_the_pixels_tell_the_side(orientation):
    pixels, _ = hung('CC', 'L')
    frame = CanonicalFrame.of(pixels[:, ::-1], 0, orientation, 'L', 'CC')
    assert frame.flipped and not frame.transposed and not frame.upside_down
    assert bool(frame.doubt) == (orientation is not None)


@pytest.mark.parametrize('view', ['CC', 'MLO'])
@pytest.mark.parametrize(
    'orientation',
    [('P', 'R'), ('P', 'FR'), ('R', 'A'), ('FR', 'A'), ('R', 'P'), ('H', 'P')],
)
def test_an_orientation_that_the_pixels_contradict_is_not_followed(view, orientation):
    pixels, axes = hung(view, 'L')
    frame = CanonicalFrame.of(pixels, 0, orientation, 'L', view)
    assert not (frame.flipped or frame.transposed or frame.upside_down)
    assert 'contradicts PatientOrientation' in frame.doubt
    assert frame.remarks('L') == [frame.doubt]


def test_an_mlo_said_to_be_upside_down_that_is_not():
    pixels, _ = hung('MLO', 'L')
    frame = CanonicalFrame.of(pixels, 0, ('A', 'HL'), 'L', 'MLO')
    assert not frame.upside_down and 'PatientOrientation' in frame.doubt


@pytest.mark.parametrize(
    'way, text',
    [
        (
            (True, False, False),
            'the image is rotated, and there is no PatientOrientation',
        ),
        ((True, True, False), 'the image is rotated'),
        ((False, False, True), 'the MLO is upside down'),
        ((False, True, True), 'the MLO is upside down'),
    ],
)
def test_a_turned_image_without_an_orientation_is_doubted(way, text):
    pixels, axes = hung('MLO', 'L')
    image, _ = stored(pixels, axes, *way)
    assert text in CanonicalFrame.of(image, 0, None, 'L', 'MLO').doubt


def test_a_mirrored_image_is_doubted_by_its_laterality():
    pixels, _ = hung('CC', 'L')
    frame = CanonicalFrame.of(pixels, 0)
    assert frame.remarks('L') == []
    (doubt,) = frame.remarks('R')
    assert 'laterality R, but the chest wall is on the left' in doubt


def test_a_mirrored_image_whose_orientation_says_so_is_not():
    """Its rows run to posterior though it is a left breast: mirrored, as it says."""
    pixels, axes = hung('CC', 'L')
    image, orientation = stored(pixels, axes, False, True, False)
    frame = CanonicalFrame.of(image, 0, orientation, 'L', 'CC')
    assert frame.flipped and frame.doubt is None


def padded(image, side, share=0.05):
    """Put a black strip beside an image, as scanners and exports do."""
    height, width = image.shape
    before, after = dict(left=(0, 1), right=(1, 1), top=(0, 0), bottom=(1, 0))[side]
    pad = [(0, 0), (0, 0)]
    size = int(share * (width if after else height))
    pad[after] = (0, size) if before else (size, 0)
    return np.pad(image, pad)


@pytest.mark.parametrize('side', ['left', 'right', 'top', 'bottom'])
@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('view', ['CC', 'MLO'])
def test_a_strip_beside_the_breast_changes_nothing(view, way, side):
    pixels, axes = hung(view, 'L')
    image, orientation = stored(padded(pixels, side), axes, *way)
    frame = CanonicalFrame.of(image, 0, orientation, 'L', view)
    assert frame.doubt is None and frame.transposed == way[0]
    canonical = frame.image_to_canonical(image)
    expected = CanonicalFrame.of(pixels, 0).image_to_canonical(pixels)
    profile, wanted = canonical.mean(axis=1), expected.mean(axis=1)
    assert abs(len(profile) - len(wanted)) <= 4
    places = np.linspace(0, len(profile) - 1, len(wanted))
    resampled = np.interp(places, np.arange(len(profile)), profile)
    error = np.abs(resampled - wanted).mean()
    assert error < 0.5 * np.abs(resampled[::-1] - wanted).mean()


@pytest.mark.parametrize('side', ['left', 'top', 'bottom'])
@pytest.mark.parametrize('view', ['CC', 'MLO'])
def test_an_upright_image_with_a_strip_is_not_doubted(view, side):
    pixels, _ = hung(view, 'L')
    assert CanonicalFrame.of(padded(pixels, side), 0, None, 'L', view).doubt is None


@pytest.mark.parametrize('side', ['left', 'top', 'bottom'])
def test_an_mlo_upside_down_with_a_strip_is_doubted(side):
    pixels, _ = hung('MLO', 'L')
    frame = CanonicalFrame.of(padded(pixels, side)[::-1], 0, None, 'L', 'MLO')
    assert 'upside down' in frame.doubt


def test_a_wide_crop_with_its_orientation_is_not_doubted():
    pixels, axes = hung('CC', 'L')
    frame = CanonicalFrame.of(pixels[60:110], 0, axes, 'L', 'CC')
    assert frame.doubt is None and not frame.transposed


@pytest.mark.parametrize('laterality', ['L', 'R'])
@pytest.mark.parametrize('way', WAYS)
def test_an_mlo_of_the_other_breast_is_told_however_it_lies(laterality, way):
    """What tells it are its medial letters, which a turn does not change."""
    pixels, axes = hung('MLO', 'L')
    image, orientation = stored(pixels, axes, *way)
    frame = CanonicalFrame.of(image, 0, orientation, laterality, 'MLO')
    assert (laterality == 'R') == any(
        'of the other breast' in remark for remark in frame.remarks(laterality)
    )


def test_a_turn_is_told():
    pixels, axes = hung('CC', 'L')
    image, orientation = stored(pixels, axes, True, False, False)
    frame = CanonicalFrame.of(image, 0, orientation, 'L', 'CC')
    assert frame.remarks('L') == [
        'the image was rotated according to PatientOrientation'
    ]
