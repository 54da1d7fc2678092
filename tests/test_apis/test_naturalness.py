"""The classifier of synthetic and real lesions, on patches made by hand."""

import numpy as np
import pytest

from mammo_plugins.apis import naturalness


def test_contrast_and_seams():
    """Of patches that are a disc, a ring and what is beyond."""
    size = naturalness.SIZE
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    radius = np.hypot(rows, columns) / 12  # half the side of the box
    patch = np.where(radius < 0.9, 0.8, np.where(radius < 1.65, 0.3, 0.4))
    part = naturalness.Patches(
        np.stack([patch, patch * 0]), np.array([1, 0]), ['a', 'b']
    )
    found = naturalness.looks([part], 1)
    assert found == pytest.approx(dict(contrast=0.5, seam=-0.1))
    assert naturalness.looks([part], 0) == dict(contrast=0.0, seam=0.0)


def test_the_classifier_of_patches_learns():
    """It tells patches with a seam from patches without, and no others."""
    rng = np.random.default_rng(0)
    size = naturalness.SIZE
    sets = []
    for _ in range(2):
        images = rng.normal(0.5, 0.1, (40, size, size)).astype(np.float32)
        labels = np.arange(40) % 2
        seamed = images.copy()
        seamed[labels == 1, 12:36, 12:36] += 0.1
        sets.append((images, seamed, labels))
    (plain, seamed, labels), (other, other_seamed, _) = sets
    found = naturalness.scores((seamed, labels), other_seamed, 8, 0)
    assert found[1::2].min() > found[::2].max()
    nothing = naturalness.scores((plain, labels), other, 8, 0)
    auc = (nothing[1::2][:, None] > nothing[::2]).mean()
    assert 0.2 < auc < 0.8


def test_patch_is_centred_on_its_box():
    image = np.zeros((60, 80), np.float32)
    image[20:30, 40:52] = 1
    patch = naturalness.patch_of(image, np.array([40, 20, 52, 30]))
    assert patch.shape == (naturalness.SIZE,) * 2
    rows, columns = np.nonzero(patch > 0.5)
    middle = naturalness.SIZE / 2 - 0.5
    assert rows.mean() == pytest.approx(middle, abs=0.6)
    assert columns.mean() == pytest.approx(middle, abs=0.6)
    assert np.ptp(columns) + 1 == pytest.approx(naturalness.SIZE / 2, abs=2)
