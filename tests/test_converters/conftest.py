"""Small breasts in files, for the fixtures of raw data sets."""
import cv2
import numpy as np
import pytest


def breast(height=96, width=64, side='left', seed=0):
    """Return a 12-bit picture of a half-ellipse of tissue on its chest wall."""
    y, x = np.mgrid[:height, :width]
    inside = ((x / (0.7 * width))**2 + ((y - height / 2) / (0.45 * height))**2) < 1
    noise = np.random.default_rng(seed).integers(0, 200, (height, width))
    image = np.where(inside, 2000 + noise, 20).astype(np.uint16)
    return image if side == 'left' else image[:, ::-1].copy()


@pytest.fixture
def write_picture():
    """Write a breast to a picture file and return its pixels."""

    def write(path, side='left', size=(96, 64), seed=0, image=None):
        image = breast(*size, side, seed) if image is None else image
        if path.suffix.lower() in ('.jpg', '.jpeg'):
            image = (image >> 4).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
        return image

    return write
