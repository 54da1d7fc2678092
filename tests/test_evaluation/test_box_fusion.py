"""Weighted boxes fusion against the published package and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from mammo_plugins.evaluation.functional import weighted_boxes_fusion

CASES = json.loads((Path(__file__).parent / 'weighted_boxes.json').read_text())


@pytest.mark.parametrize('case', CASES)
def test_published_package(case):
    """Figures of ``ensemble-boxes`` 1.0.9 on random boxes of 1 to 5 detectors.

    Each ``fused`` of the file was made, in an environment with that package and numba,
    by ``ensemble_boxes.weighted_boxes_fusion(boxes, scores, labels, iou_thr=iou_thr)``.
    """
    found = weighted_boxes_fusion(
        case['boxes'], case['scores'], case['labels'], case['iou_thr']
    )
    expected = case['fused']
    assert len(found.scores) < sum(map(len, case['scores']))  # something was fused
    np.testing.assert_allclose(found.scores, expected['scores'], atol=1e-6)
    np.testing.assert_allclose(found.boxes, expected['boxes'], atol=2e-6)
    np.testing.assert_array_equal(found.labels, expected['labels'])


def test_two_detectors_by_hand():
    """Of one object: mean by score; what one alone found: half as much believed."""
    fused = weighted_boxes_fusion(
        [[[0, 0, 10, 10], [50, 50, 60, 60]], [[1, 0, 11, 10]]],
        [[0.6, 0.5], [0.2]],
        [[0, 0], [0]],
    )
    np.testing.assert_allclose(fused.boxes, [[0.25, 0, 10.25, 10], [50, 50, 60, 60]])
    np.testing.assert_allclose(fused.scores, [0.4, 0.25])
    np.testing.assert_allclose(fused.shares, [[0.75, 0, 0.25], [0, 1, 0]])


def test_one_detector_alone_stays():
    """Apart from its order, where boxes do not overlap."""
    boxes = np.array([[0, 0, 4, 4], [10, 10, 14, 14]])
    fused = weighted_boxes_fusion([boxes], [[0.2, 0.9]], [[1, 0]])
    np.testing.assert_array_equal(fused.boxes, boxes[::-1])
    assert fused.scores.tolist() == [0.9, 0.2] and fused.labels.tolist() == [0, 1]


def test_labels_are_not_mixed():
    box = [[0, 0, 4, 4]]
    fused = weighted_boxes_fusion([box, box], [[0.8], [0.6]], [[0], [1]])
    assert fused.labels.tolist() == [0, 1]
    np.testing.assert_allclose(fused.scores, [0.4, 0.3])


def test_unit_of_boxes_does_not_matter():
    case = CASES[2]
    scaled = weighted_boxes_fusion(
        [np.multiply(b, 1000) for b in case['boxes']], *(case['scores'], case['labels'])
    )
    plain = weighted_boxes_fusion(case['boxes'], case['scores'], case['labels'])
    np.testing.assert_allclose(scaled.boxes, plain.boxes * 1000)


@pytest.mark.parametrize('detectors', [1, 3])
def test_nothing_found(detectors):
    none = [np.zeros((0, 4))] * detectors
    fused = weighted_boxes_fusion(none, [[]] * detectors, [[]] * detectors)
    assert fused.boxes.shape == (0, 4) and fused.shares.shape == (0, 0)
    assert fused.scores.shape == fused.labels.shape == (0,)


def test_scores_of_zero():
    """No mean by score is possible; the plain one is taken."""
    fused = weighted_boxes_fusion(
        [[[0, 0, 4, 4]], [[0, 0, 4, 6]]], [[0.0], [0.0]], [[0], [0]]
    )
    np.testing.assert_allclose(fused.boxes, [[0, 0, 4, 5]])
    assert fused.scores.tolist() == [0]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='one or more'):
        weighted_boxes_fusion([], [], [])
    with pytest.raises(ValueError, match='one score and one label'):
        weighted_boxes_fusion([[[0, 0, 1, 1]]], [[0.5, 0.4]], [[0]])
