"""Small breasts in files, and tables of them, for the fixtures of raw data sets."""

import csv

import cv2
import numpy as np
import pytest

from mammo_plugins.converters.generic import GenericConverter


def breast(height=96, width=64, side='left', seed=0):
    """Return a 12-bit picture of a half-ellipse of tissue on its chest wall."""
    y, x = np.mgrid[:height, :width]
    inside = ((x / (0.7 * width)) ** 2 + ((y - height / 2) / (0.45 * height)) ** 2) < 1
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


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / 'raw'
    folder.mkdir()
    return folder


@pytest.fixture
def pictures(raw, write_picture):

    def write(*names):
        for i, name in enumerate(names):
            write_picture(raw / name, seed=i)

    return write


@pytest.fixture
def listed(raw, tmp_path):
    """Return the converter and the catalogue of a table of dicts."""

    def listed(*rows, drop=()):
        table = tmp_path / 'views.csv'
        columns = [
            c
            for c in dict.fromkeys(
                ('file', 'patient', *(key for row in rows for key in row))
            )
            if c not in drop
        ]
        with open(table, 'w', newline='') as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        converter = GenericConverter(table)
        return converter, converter.catalogue(raw)

    return listed
