"""Labels of detected patches: the rule of MommiNet-v2, section 3.8."""

import numpy as np
import pytest

from mammo_plugins.evaluation.functional import (
    box_iou,
    label_detections,
    select_detections,
)

LESIONS = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], float)
KNOWN = (['malignant', 'benign', None], ['5', None, '4A'])


def test_named_cases():
    boxes = np.array(
        [
            [0, 0, 10, 10],  # on the malignant lesion
            [0, 0, 10, 5],  # IoU exactly 0.5 with it
            [0, 0, 10, 4.9],  # just less
            [20, 0, 30, 9],  # on the benign one
            [40, 1, 50, 10],  # on the one that is not known
            [60, 60, 70, 70],  # elsewhere
            [80, 80, 84, 84],
        ]
    )  # in the ignored region
    found = label_detections(boxes, LESIONS, *KNOWN, ignored_boxes=[[80, 80, 100, 100]])
    np.testing.assert_array_equal(found.lesions, [0, 0, -1, 1, 2, -1, -2])
    np.testing.assert_array_equal(found.malignant, [1, 1, 0, 0, -1, 0, -1])
    np.testing.assert_allclose(
        found.birads_scores,
        [0.8611, 0.8611, np.nan, np.nan, 0.4167, np.nan, np.nan],
        atol=5e-5,
    )
    np.testing.assert_allclose(found.ious, [1, 0.5, 0.49, 0.9, 0.9, 0, 0])


def test_nothing():
    none = np.zeros((0, 4))
    found = label_detections(none, LESIONS, *KNOWN)
    assert found.malignant.shape == found.ious.shape == (0,)
    found = label_detections(LESIONS, none, [], [])
    np.testing.assert_array_equal(found.malignant, [0, 0, 0])
    np.testing.assert_array_equal(found.ious, [0, 0, 0])


@pytest.mark.parametrize('seed', range(5))
def test_brute_force(seed):
    rng = np.random.default_rng(seed)

    def boxes(n):
        corner = rng.uniform(0, 12, (n, 2))
        return np.hstack([corner, corner + rng.uniform(5, 12, (n, 2))])

    detections, lesions = boxes(40), boxes(4)
    pathologies = [['malignant', 'benign', None][i] for i in rng.integers(3, size=4)]
    found = label_detections(detections, lesions, pathologies, [None] * 4)
    for i, box in enumerate(detections):
        overlaps = [box_iou(box, lesion)[0, 0] for lesion in lesions]
        best = int(np.argmax(overlaps))
        expected = (
            {'malignant': 1, 'benign': 0, None: -1}[pathologies[best]]
            if overlaps[best] >= 0.5
            else 0
        )
        assert found.malignant[i] == expected
        assert found.ious[i] == overlaps[best]


def test_selection():
    scores = np.array([0.2, 0.9, 0.5, 0.9])
    assert select_detections(scores).tolist() == [1, 3, 2, 0]
    assert select_detections(scores, max_detections=1).tolist() == [1]
    assert select_detections(scores, min_score=0.5).tolist() == [1, 3, 2]
    assert select_detections(scores, 0.95, 3).tolist() == []
    assert select_detections(np.zeros(0), 0.1, 3).tolist() == []
