"""Anatomy on a real exam, where one is at hand.

Set ``MAMMO_REAL_EXAM_DIR`` to a folder with

- four pictures ``*_R-CC.png``, ``*_L-CC.png``, ``*_R-MLO.png``, ``*_L-MLO.png`` of
  one patient: tissue bright, background exactly 0, 16 bit, about 0.1 mm a pixel, a
  round skin marker on each nipple;
- ``README.md`` with a table row ``| R-CC | height x width | x | y |`` for each,
  the marker's centre in pixels of the picture.
"""

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from mammo_plugins.anatomy import (
    CanonicalFrame,
    breast_mask,
    find_nipple,
    pectoral_edge,
    register_contralateral,
    transform_points,
)
from mammo_plugins.io import read_mammogram

FOLDER = os.environ.get('MAMMO_REAL_EXAM_DIR')
VIEWS = 'R-CC', 'L-CC', 'R-MLO', 'L-MLO'
MARKER_RADIUS = 18  # with what shines around it
NEAR = 100  # pixels, 10 mm

pytestmark = pytest.mark.skipif(
    not FOLDER,
    reason='set MAMMO_REAL_EXAM_DIR to a folder of four PNG mammograms '
    'with a README.md that tells their nipples',
)


class Real:
    """One view, its nipple marker and other burnt-in markers inpainted."""

    def __init__(self, name):
        (path,) = Path(FOLDER).glob(f'*_{name}.png')
        row = re.search(
            rf'\|\s*{name}\s*\|[^|]*\|\s*(\d+)\s*\|\s*(\d+)',
            (Path(FOLDER) / 'README.md').read_text(),
        )
        self.raw = read_mammogram(path).pixels
        self.nipple = np.array([int(v) for v in row.groups()])
        self.view = name[2:]
        parts, _ = ndimage.label(self.raw > 0)
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        self.breast = ndimage.binary_fill_holes(parts == areas.argmax())
        self.burnt_in = (self.raw > 0) & ~ndimage.binary_dilation(
            self.breast, iterations=3
        )
        hide = self.burnt_in.astype(np.uint8)
        cv2.circle(hide, tuple(map(int, self.nipple)), MARKER_RADIUS, 1, -1)
        pixels = cv2.inpaint(
            np.rint(self.raw * 65535).astype(np.uint16),
            cv2.dilate(hide, np.ones((5, 5))),
            9,
            cv2.INPAINT_TELEA,
        )
        self.pixels = pixels.astype(np.float32) / 65535
        self.frame = CanonicalFrame.of(self.pixels, margin=8)
        self.image = np.ascontiguousarray(self.frame.image_to_canonical(self.pixels))
        self.mask = breast_mask(self.image)


@pytest.fixture(scope='module')
def exam():
    return {name: Real(name) for name in VIEWS}


@pytest.mark.parametrize('name', VIEWS)
def test_mask_is_the_breast(exam, name):
    real = exam[name]
    mask = breast_mask(real.raw)
    assert not (mask & real.burnt_in).any()
    assert (real.breast & ~mask).sum() < 5e-4 * real.breast.sum()
    assert (mask & ~real.breast).sum() < 0.02 * real.breast.sum()
    skin = real.breast & ~ndimage.binary_erosion(
        real.breast, iterations=5, border_value=1
    )
    assert (skin & mask).sum() > 0.99 * skin.sum()


@pytest.mark.parametrize('name', VIEWS)
def test_nipple(exam, name):
    real = exam[name]
    found = find_nipple(real.image, real.view)
    truth = transform_points(real.nipple, real.frame.matrix)
    assert np.hypot(found.x - truth[0], found.y - truth[1]) < NEAR


@pytest.mark.parametrize('gamma', [0.6, 1.6])
@pytest.mark.parametrize('scale', [0.3, 0.6])
@pytest.mark.parametrize('name', VIEWS)
def test_nipple_of_other_sizes_and_grey_scales(exam, name, scale, gamma):
    real = exam[name]
    image = cv2.resize(
        real.image**gamma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    found = find_nipple(image, real.view)
    truth = transform_points(real.nipple, real.frame.matrix) * scale
    wrong = np.hypot(found.x - truth[0], found.y - truth[1]) > NEAR * scale
    assert not wrong or found.confidence < 0.3


@pytest.mark.parametrize('name', VIEWS[2:])
def test_muscle_is_seen(exam, name):
    edge = pectoral_edge(exam[name].image)
    assert edge.confidence > 0.5
    nipple = transform_points(exam[name].nipple, exam[name].frame.matrix)
    assert edge.distance(nipple) > 0.3 * exam[name].image.shape[1]


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize('view', ['CC', 'MLO'])
@pytest.mark.parametrize('main, other', ['RL', 'LR'])
def test_registration_beats_the_flip(exam, main, other, view):
    main, other = exam[f'{main}-{view}'], exam[f'{other}-{view}']
    registration = register_contralateral(main.image, other.image, view=view)
    assert registration.status == 'warped'
    shape = main.image.shape
    flipped = [np.zeros(shape, part.dtype) for part in (other.image, other.mask)]
    height, width = np.minimum(shape, other.image.shape)
    for canvas, part in zip(flipped, (other.image, other.mask)):
        canvas[:height, :width] = part[:height, :width]
    warped = (
        registration.warp_image(other.image),
        registration.warp_image(other.mask.astype(np.float32)) > 0.5,
    )
    overlap = [dice(main.mask, mask) for _, mask in (flipped, warped)]
    assert overlap[1] > max(overlap[0], 0.98)
    correlation = [
        np.corrcoef(main.image[main.mask & mask], image[main.mask & mask])[0, 1]
        for image, mask in (flipped, warped)
    ]
    assert correlation[1] > correlation[0] + 0.02
