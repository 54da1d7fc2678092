"""Padding of films and of digital images, where it was put."""

import cv2
import numpy as np
import pytest
from film_phantom import (
    Film,
    blank,
    label,
    make_film,
    masked_label,
    pad,
    tape,
    through_jpeg,
    turn,
)

from mammo_plugins.anatomy import breast_mask, breast_side
from mammo_plugins.anatomy.padding import find_padding, inside_thin_frame
from mammo_plugins.phantom import PhantomConfig, make_exam


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


PADS = {
    'left': lambda film, value: pad(film, value, left=0.15),
    'right': lambda film, value: pad(film, value, right=0.3),
    'top and bottom': lambda film, value: pad(film, value, top=0.1, bottom=0.15),
    'corner': lambda film, value: pad(film, value, left=0.1, top=0.1),
    'to a square': lambda film, value: pad(film, value, 0.15, 0.15),
    'all sides': lambda film, value: pad(film, value, 0.1, 0.1, 0.1, 0.1),
    'a hundredth': lambda film, value: pad(film, value, 0.01, 0.01, 0.01, 0.01),
    'turned': lambda film, value: turn(film, 3, value),
    'turned and sharp': lambda film, value: turn(film, -8, value, cv2.INTER_NEAREST),
    'padded and turned': lambda film, value: turn(
        pad(film, value, 0.1, 0.1, 0.1, 0.1), 5, value
    ),
    'covered label': masked_label,
    'round cover': lambda film, value: masked_label(film, value, True),
    'both': lambda film, value: pad(masked_label(film, value), value, right=0.2),
    'other side': lambda film, value: pad(film, value, 0.15, 0.2, 0.05).mirrored(),
}


@pytest.fixture(scope='module')
def unpadded():
    """Grey film with a label and tape, and how good a mask of it is."""
    film = tape(label(make_film(1, base=45.0)))
    return film, dice(breast_mask(film.pixels), film.mask)


@pytest.mark.parametrize('value', [0.0, 128.0, 255.0])
@pytest.mark.parametrize('kind', PADS)
def test_a_mask_is_as_good_as_without_padding(kind, value, unpadded):
    film, without = unpadded
    padded = PADS[kind](film, value)
    found = breast_mask(padded.pixels)
    assert dice(found, padded.mask) >= max(0.95, without - 0.02)
    wall = 'right' if kind == 'other side' else 'left'
    assert breast_side(found) == wall


@pytest.mark.parametrize('base', [0.0, 10.0, 25.0, 40.0, 80.0])
@pytest.mark.parametrize('noise', [0.0, 3.0])
@pytest.mark.parametrize('view', ['CC', 'MLO'])
def test_however_grey_the_film_is(base, noise, view):
    film = make_film(2, view, base=base, noise=noise)
    for kind in ('right', 'all sides', 'turned'):
        padded = PADS[kind](film, 0.0)
        assert dice(breast_mask(padded.pixels), padded.mask) >= 0.95, kind


@pytest.mark.parametrize('value', [100.0, 128.0, 190.0])
@pytest.mark.parametrize('kind', ['left', 'corner', 'padded and turned'])
def test_padding_as_grey_as_fat(kind, value):
    padded = PADS[kind](make_film(0, 'CC', base=5.0), value)
    assert dice(breast_mask(padded.pixels), padded.mask) >= 0.95


def test_several_constants():
    film = make_film(0, base=40.0)
    padded = pad(pad(pad(film, 255.0, left=0.1), 0.0, top=0.1, bottom=0.05), 90.0, 0.05)
    assert dice(breast_mask(padded.pixels), padded.mask) >= 0.97
    found = find_padding(padded.pixels)
    assert sorted(found.levels) == [0.0, 90.0, 255.0]
    assert found.background == pytest.approx(40, abs=2)
    truth = (
        pad(
            pad(
                pad(film.spoilt(np.zeros_like(film.pixels)), 1.0, left=0.1),
                1.0,
                top=0.1,
                bottom=0.05,
            ),
            1.0,
            0.05,
        ).pixels
        > 0
    )
    assert dice(found.mask, truth) > 0.97


@pytest.mark.parametrize(
    'uneven',
    [
        lambda film: film.spoilt(
            film.pixels + 25 * np.linspace(0, 1, film.pixels.shape[1])
        ),
        lambda film: film.spoilt(
            film.pixels + 15 * np.exp(-np.arange(len(film.pixels))[:, None] / 40)
        ),
    ],
)
def test_film_need_not_be_even(uneven):
    padded = PADS['all sides'](uneven(make_film(0, base=40.0, vignette=15.0)), 0.0)
    assert dice(breast_mask(padded.pixels), padded.mask) >= 0.95


@pytest.mark.parametrize('kind', ['right', 'all sides', 'turned'])
def test_film_that_the_breast_fills(kind):
    """Its own fat is as wide as film without breast, and as dark as half of it."""
    film = make_film(4, base=40.0, height=640).cut(0.1, 0.75)
    columns = slice(0, int(film.mask.any(axis=0).sum()) + 3)
    levels = film.pixels - 40
    film = Film(
        (40 + levels * np.clip(levels / 205, 0.3, 1))[:, columns],
        film.mask[:, columns],
        film.nipple,
    )
    padded = PADS[kind](film, 0.0)
    assert dice(breast_mask(padded.pixels), padded.mask) >= 0.95


@pytest.mark.parametrize('quality', [75, 95])
def test_padding_that_went_through_jpeg(quality):
    padded = PADS['all sides'](make_film(0, base=40.0, height=1024), 0.0)
    found = breast_mask(through_jpeg(padded, quality).pixels)
    assert dice(found, padded.mask) >= 0.97


SHAPES = {
    'L': lambda film: blank(film, (0, 0.05, 0, 1), (0, 0.2, 0.85, 1)),
    'L below': lambda film: blank(film, (0.95, 1, 0, 1), (0.8, 1, 0.85, 1)),
    'T': lambda film: blank(film, (0, 0.05, 0, 1), (0, 0.15, 0.6, 0.8)),
    'steps': lambda film: blank(
        film, (0, 0.05, 0, 1), (0, 0.1, 0.6, 1), (0, 0.2, 0.85, 1)
    ),
    'half of a side': lambda film: blank(film, (0, 0.05, 0, 1), (0, 0.5, 0.92, 1)),
    'U': lambda film: blank(film, (0, 0.05, 0, 1), (0, 1, 0.9, 1), (0.9, 1, 0.6, 1)),
    'frame and label': lambda film: blank(
        pad(film, 0.0, 0.03, 0.03, 0.03, 0.03), (0, 0.25, 0.8, 1)
    ),
    'turned, then padded': lambda film: pad(turn(film, 4), right=0.1, top=0.05),
}


@pytest.mark.parametrize('quality', [None, 75])
@pytest.mark.parametrize('kind', SHAPES)
def test_padding_of_several_shapes(kind, quality):
    """Alone, each of them is found; JPEG frays their edges."""
    for view, base in (('CC', 40.0), ('MLO', 90.0)):
        padded = SHAPES[kind](tape(label(make_film(2, view, base=base))))
        shown = padded if quality is None else through_jpeg(padded, quality)
        assert dice(breast_mask(shown.pixels), padded.mask) >= 0.95, view


@pytest.mark.parametrize('quality', [None, 75])
@pytest.mark.parametrize('height', [512, 1300])
@pytest.mark.parametrize('width', [1, 2, 5])
def test_a_thin_frame(width, height, quality):
    """Reduced, its pixels are mixed with film, so that none is constant."""
    film = make_film(2, 'CC', base=90.0, height=height)
    padded = pad(film, 0.0, *[width / height] * 4)
    shown = padded if quality is None else through_jpeg(padded, quality)
    assert dice(breast_mask(shown.pixels), padded.mask) >= 0.95


def test_a_strip_of_digital_background_is_no_frame(digital):
    for image in digital:
        for columns in range(1, 12):
            last = int(np.flatnonzero(image.mask.any(axis=0))[-1])
            shown = image.pixels[:, : last + 1 + columns]
            height, width = shown.shape
            assert inside_thin_frame(shown) == (slice(0, height), slice(0, width))
    assert inside_thin_frame(np.zeros((60, 40))) == (slice(0, 60), slice(0, 40))


@pytest.mark.parametrize('scale', [2, 4])
def test_a_larger_scan_gives_the_same(scale):
    padded = tape(label(PADS['all sides'](make_film(3, base=40.0), 0.0)))
    larger = cv2.resize(
        padded.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST
    )
    mask = (
        cv2.resize(
            breast_mask(larger).astype(np.uint8),
            padded.mask.shape[::-1],
            interpolation=cv2.INTER_AREA,
        )
        > 0
    )
    assert dice(mask, breast_mask(padded.pixels)) > 0.995


@pytest.fixture(scope='module')
def digital():
    """Phantoms as they are, and with skin that ends in a step."""
    images = []
    views = make_exam(2, PhantomConfig(size=(512, 256))).views
    for key in (('L', 'CC', 'FFDM'), ('R', 'MLO', 'FFDM')):
        turned = slice(None, None, -1 if key[0] == 'R' else 1)
        pixels = views[key].pixels[:, turned].astype(np.float32)
        mask = views[key].breast_mask[:, turned]
        usual = np.median(pixels[mask])
        images += [
            Film(p, mask, (0.0, 0.0))
            for p in (
                pixels,
                np.where(mask, pixels + usual, 0),
                np.where(mask, np.maximum(pixels, 1.5 * usual), 0),
                np.where(mask, np.minimum(pixels + usual / 2, 2 * usual), 0),
            )
        ]
    return images


def test_a_digital_background_is_not_padding(digital):
    for image in digital:
        for shown in (
            image,
            PADS['left'](image, 0.0),
            PADS['all sides'](image, 0.0),
            image.cut(0.2, 0.75),
            PADS['all sides'](image.cut(0.2, 0.75), 0.0),
        ):
            assert find_padding(shown.pixels) is None
            assert dice(breast_mask(shown.pixels), shown.mask) > 0.95


def test_padding_of_another_value_than_the_digital_background(digital):
    for image in digital[::4]:
        padded = PADS['all sides'](image, float(image.pixels.max()) + 500.0)
        assert dice(breast_mask(padded.pixels), padded.mask) > 0.95


def test_nothing_to_find():
    assert find_padding(np.full((60, 40), 3.0, np.float32)) is None
    pixels = np.random.default_rng(0).random((60, 40)).astype(np.float32)
    assert find_padding(pixels) is None
    pixels[:, :20] = 0  # no breast beside it
    assert find_padding(pixels) is None


def test_columns_of_one_grey_value_are_no_padding():
    """A breast without noise that is brighter towards the chest wall."""
    y, x = np.mgrid[:150, :100] + 0.5
    disc = (x - 100) ** 2 + (y - 70) ** 2 < 50**2
    pixels = np.where(disc, 0.4 + 0.002 * x, 0).astype(np.float32)
    assert find_padding(pixels) is None
    assert dice(breast_mask(pixels), disc) > 0.95
