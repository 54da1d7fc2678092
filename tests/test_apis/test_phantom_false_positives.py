"""What false positives lie on, by hand."""

import numpy as np

from mammo_plugins.apis.phantom_false_positives import count
from mammo_plugins.structures import Exam, Lesion, View


def square(x, y=0):
    return (x, y, x + 10, y + 10)


def test_each_false_positive_counts_once_down_to_the_operating_point():
    views = {
        ('R', view, 'FFDM'): View(i, f'{i}.dcm', 100, 100, 'R', view)
        for i, view in enumerate(('CC', 'MLO'))
    }
    views['R', 'CC', 'FFDM'].lesions = [Lesion(square(0), 1)]
    exam = Exam('e', 'p', views)
    mimics = {
        0: [('nodule', square(20)), ('clump', square(24))],
        1: [('clump', square(40))],
    }
    detections = {
        # a hit; on the nodule more than on the clump; on nothing
        0: (
            np.array([square(0), square(21), square(60)], float),
            np.array([0.9, 0.8, 0.7]),
        ),
        # on the clump; too far from it; below the operating point
        1: (
            np.array([square(41), square(49), square(80)], float),
            np.array([0.6, 0.5, 0.1]),
        ),
    }
    counts, images = count([exam], mimics, detections, 2.0)
    assert images == 2
    assert counts == dict(nodule=1, none=2, clump=1)
    counts, _ = count([exam], mimics, detections, 0.5)
    assert counts == dict(nodule=1)
