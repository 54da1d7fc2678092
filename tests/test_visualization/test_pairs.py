"""Figures of pairs."""

import cv2
import numpy as np
import pytest

from mammo_plugins.visualization import BreastPanels, PairPanels, draw_pairs


def breast(decoded, **change):
    """A bright spot near the chest wall, which is on the left."""
    image = np.zeros((60, 30))
    image[25:35, 2:8] = 1.0
    half = np.zeros((30, 15))
    return BreastPanels(
        **dict(
            dict(
                original=image,
                heat_map=half,
                normal=half if decoded else None,
                abnormal=half if decoded else None,
            ),
            **change,
        )
    )


@pytest.mark.parametrize('decoded, columns', [(True, 4), (False, 2)])
def test_chest_walls_meet(tmp_path, decoded, columns):
    path = tmp_path / 'a.png'
    draw_pairs([PairPanels('CC', {s: breast(decoded) for s in 'RL'})], path)
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    bright = (picture[picture.shape[0] // 3 :] > 250).sum(axis=0)
    pair = bright[: picture.shape[1] // columns]  # the first column is the original
    places = np.flatnonzero(pair > pair.max() / 2) / len(pair)
    assert places.min() > 0.3 and places.max() < 0.7
    assert bright[len(pair) : int(1.5 * len(pair))].max() < pair.max() / 2


def test_missing_side_and_circles(tmp_path):
    one, two = tmp_path / 'one.png', tmp_path / 'two.png'
    draw_pairs([PairPanels('CC', dict(R=breast(True)))], one, 'exam')
    draw_pairs(
        [PairPanels('CC', dict(R=breast(True, lesions=[(2, 25, 8, 35)])))], two, 'exam'
    )

    def red(path):
        blue, green, red = cv2.imread(str(path)).astype(int).transpose(2, 0, 1)
        return ((red - np.maximum(blue, green)) > 80).sum()

    assert red(one) == 0 and red(two) > 50
