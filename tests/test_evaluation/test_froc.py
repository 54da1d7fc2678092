"""FROC: named edge cases by hand, random cases by brute force."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mammo_plugins.evaluation.functional import (
    FALSE_POSITIVE,
    NEITHER,
    FROCData,
    ImageMatches,
    bootstrap_froc,
    box_iou,
    froc_curve,
    match_detections,
    percentile_interval,
    recall_at_fppi,
)

sys.path.insert(0, str(Path(__file__).parent))
import froc_reference as reference
from froc_reference import Image

NAN, INF = float('nan'), float('inf')
A, B = (0, 0, 10, 10), (100, 0, 110, 10)  # lesions
ON_A, NEAR_A = (0, 0, 10, 9), (0, 0, 10, 6)  # IoU with A: 0.9, 0.6
BIG = (0, 0, 20, 10)  # IoU 0.5 with A and with its neighbour
BESIDE = (12, 0, 20, 10)  # a lesion; IoU 0.4 with BIG
FP1, FP2, FP3 = (0, 50, 10, 60), (50, 50, 60, 60), (90, 50, 99, 60)


def to_data(images, thr=0.2):
    matches = []
    for image in images:
        boxes = np.array([b for b, _ in image.detections]).reshape(-1, 4)
        labels = match_detections(
            box_iou(boxes, np.array(image.lesions).reshape(-1, 4)),
            thr,
            box_iou(boxes, np.array(image.ignored).reshape(-1, 4), crowd=True),
        )
        matches.append(
            ImageMatches(
                np.array([s for _, s in image.detections]),
                labels,
                len(image.lesions),
                image.patient,
                len(image.ignored),
            )
        )
    return FROCData.from_images(matches)


# name: images, [(threshold, recall, fppi)], {fppi: recall}
CASES = {
    'nothing found': (
        [Image('p', [(FP1, 0.9)], [A]), Image('q', [], [B])],
        [(INF, 0, 0), (0.9, 0, 0.5)],
        {0: 0, 0.5: 0, 2: 0},
    ),
    'no detections at all': (
        [Image('p', [], [A]), Image('q', [], [])],
        [(INF, 0, 0)],
        {0: 0, 1: 0},
    ),
    'no detections, no lesions': ([Image('p', [], [])], [(INF, NAN, 0)], {1: NAN}),
    'normals only': (
        [Image('p', [(FP1, 0.9), (FP2, 0.3)], []), Image('q', [(FP3, 0.5)], [])],
        [(INF, NAN, 0), (0.9, NAN, 0.5), (0.5, NAN, 1), (0.3, NAN, 1.5)],
        {1: NAN},
    ),
    'duplicates are neither': (
        [Image('p', [(ON_A, 0.9), (NEAR_A, 0.8), (ON_A, 0.7), (FP1, 0.6)], [A])],
        [(INF, 0, 0), (0.9, 1, 0), (0.8, 1, 0), (0.7, 1, 0), (0.6, 1, 1)],
        {0: 1, 1: 1},
    ),
    'duplicate of lower IoU scores higher': (
        [Image('p', [(NEAR_A, 0.9), (FP1, 0.8), (ON_A, 0.7)], [A])],
        [(INF, 0, 0), (0.9, 1, 0), (0.8, 1, 1), (0.7, 1, 1)],
        {0: 1},
    ),
    'tie of a hit and a false positive': (
        [Image('p', [(FP1, 0.5), (ON_A, 0.5)], [A])],
        [(INF, 0, 0), (0.5, 1, 1)],
        {0: 0, 0.99: 0, 1: 1},
    ),
    'all scores tie': (
        [
            Image('p', [(FP1, 0.5), (ON_A, 0.5), (FP2, 0.5)], [A, B]),
            Image('q', [(FP3, 0.5)], []),
        ],
        [(INF, 0, 0), (0.5, 0.5, 1.5)],
        {1: 0, 1.5: 0.5, 2: 0.5},
    ),
    'lowest-score hit counts': (
        [Image('p', [(FP1, 0.9), (FP2, 0.8), (ON_A, 0.1)], [A]), Image('q', [], [])],
        [(INF, 0, 0), (0.9, 0, 0.5), (0.8, 0, 1), (0.1, 1, 1)],
        {0.5: 0, 1: 1},
    ),
    'single patient': (
        [Image('p', [(ON_A, 0.9), (FP1, 0.8)], [A, B])],
        [(INF, 0, 0), (0.9, 0.5, 0), (0.8, 0.5, 1)],
        {0: 0.5, 1: 0.5},
    ),
    'score zero counts': (
        [Image('p', [(ON_A, 0.0)], [A])],
        [(INF, 0, 0), (0, 1, 0)],
        {0: 1},
    ),
    'one box on two lesions finds one': (
        [Image('p', [(BIG, 0.9)], [BESIDE, A])],
        [(INF, 0, 0), (0.9, 0.5, 0)],
        {0: 0.5},
    ),
    'a box for each of two lesions': (
        [Image('p', [(BIG, 0.9), (BESIDE, 0.4)], [BESIDE, A])],
        [(INF, 0, 0), (0.9, 0.5, 0), (0.4, 1, 0)],
        {0: 1},
    ),
    'normal images dilute FPPI': (
        [
            Image('p', [(FP1, 0.9), (ON_A, 0.8)], [A]),
            Image('q', [], []),
            Image('r', [], []),
            Image('s', [], []),
        ],
        [(INF, 0, 0), (0.9, 0, 0.25), (0.8, 1, 0.25)],
        {0.2: 0, 0.25: 1},
    ),
    'curve ends before the FPPI': (
        [Image('p', [(ON_A, 0.9), (FP1, 0.8)], [A, B]), Image('q', [], [])],
        [(INF, 0, 0), (0.9, 0.5, 0), (0.8, 0.5, 0.5)],
        {1: 0.5, 2: 0.5},
    ),
    'no interpolation between points': (
        [Image('p', [(ON_A, 0.9), (FP1, 0.5), (FP2, 0.5), (B, 0.5)], [A, B])],
        [(INF, 0, 0), (0.9, 0.5, 0), (0.5, 1, 2)],
        {1.99: 0.5, 2: 1},
    ),
    'ignored region is neither': (
        [Image('p', [(ON_A, 0.9), (B, 0.8), (FP1, 0.7)], [B], [A])],
        [(INF, 0, 0), (0.9, 0, 0), (0.8, 1, 0), (0.7, 1, 1)],
        {0: 1},
    ),
    'small detection in a wide ignored region': (
        [Image('p', [((50, 50, 52, 52), 0.9)], [B], [(0, 0, 90, 90)])],
        [(INF, 0, 0), (0.9, 0, 0)],
        {0: 0},
    ),
    'ignored region inside a wide detection': (
        [Image('p', [((0, 0, 90, 90), 0.9)], [B], [(0, 0, 40, 40)])],
        [(INF, 0, 0), (0.9, 0, 1)],
        {0: 0},
    ),
    'lesion goes before an ignored region': (
        [Image('p', [(NEAR_A, 0.9)], [ON_A], [NEAR_A])],
        [(INF, 0, 0), (0.9, 1, 0)],
        {0: 1},
    ),
    'views of one patient': (
        [
            Image('p', [(ON_A, 0.9)], [A]),
            Image('p', [(FP1, 0.8), (B, 0.6)], [B]),
            Image('q', [(FP2, 0.7)], []),
        ],
        [
            (INF, 0, 0),
            (0.9, 0.5, 0),
            (0.8, 0.5, 1 / 3),
            (0.7, 0.5, 2 / 3),
            (0.6, 1, 2 / 3),
        ],
        {0.5: 0.5, 2 / 3: 1},
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_edge_cases_by_hand(name):
    images, points, recalls = CASES[name]
    curve = froc_curve(to_data(images))
    got = np.column_stack([curve.thresholds, curve.recall, curve.fppi])
    np.testing.assert_array_equal(got, points)
    np.testing.assert_array_equal(
        recall_at_fppi(curve, list(recalls)), list(recalls.values())
    )


def test_iou_must_be_greater():
    iou = np.array([[0.2], [np.nextafter(0.2, 1)]])
    assert match_detections(iou, 0.2).tolist() == [FALSE_POSITIVE, 0]


def test_equal_iou_goes_to_the_first_lesion():
    iou = np.array([[0.1, 0.4, 0.4]])
    assert match_detections(iou, 0.2).tolist() == [1]


def test_labels_of_ignored_regions():
    iou = np.array([[0.0], [0.0], [0.3]])
    ignored = np.array([[0.5], [0.1], [0.9]])
    assert match_detections(iou, 0.2, ignored).tolist() == [NEITHER, FALSE_POSITIVE, 0]


def test_fppi_on_normals_only():
    images = [
        Image('p', [(FP1, 0.9), (ON_A, 0.8)], [A]),
        Image('q', [(FP1, 0.85)], []),
        Image('q', [], []),
        Image('r', [(FP2, 0.95)], [], [A]),  # ignored region: not normal
    ]
    curve = froc_curve(to_data(images), normals_only=True)
    assert curve.fppi.tolist() == [0, 0, 0, 0.5, 0.5]
    assert recall_at_fppi(curve, [0.4, 0.5]).tolist() == [0, 1]
    without = froc_curve(to_data(images[:1]), normals_only=True)
    assert np.isnan(without.fppi).all()
    assert np.isnan(recall_at_fppi(without, [1])).all()


@pytest.mark.parametrize('score', [NAN, INF])
def test_scores_that_are_not_finite_are_refused(score):
    with pytest.raises(ValueError, match='not finite'):
        to_data([Image('p', [(ON_A, score)], [A])])


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match='no images'):
        FROCData.from_images([])


def random_images(seed):
    """Few boxes on a coarse grid and few scores, so that ties are common."""
    rng = np.random.default_rng(seed)

    def boxes(most):
        corner = rng.integers(0, 6, (rng.integers(0, most + 1), 2))
        size = rng.integers(1, 5, corner.shape)
        return [tuple(map(int, b)) for b in np.hstack([corner, corner + size])]

    images = []
    for _ in range(rng.integers(1, 9)):
        detections = [(b, int(rng.integers(0, 8)) / 8) for b in boxes(6)]
        images.append(
            Image(
                f'p{rng.integers(4)}',
                detections,
                boxes(3) if rng.random() < 0.6 else [],
                boxes(1) if rng.random() < 0.3 else [],
            )
        )
    return images


def none_to_nan(values):
    return [NAN if v is None else v for v in values]


@pytest.mark.parametrize('thr', [0.2, 0.5])
def test_random_cases_equal_brute_force(thr):
    grid = (0, 0.125, 0.25, 0.5, 1, 2, 4, 8)
    for seed in range(150):
        images = random_images(seed)
        data = to_data(images, thr)
        for normals_only in (False, True):
            points = reference.curve(images, thr, normals_only)
            curve = froc_curve(data, normals_only)
            for got, expected in zip(
                (curve.thresholds, curve.recall, curve.fppi), zip(*points)
            ):
                np.testing.assert_array_equal(got, none_to_nan(expected))
            np.testing.assert_array_equal(
                recall_at_fppi(curve, grid),
                none_to_nan(reference.recall_at(points, f) for f in grid),
                err_msg=f'seed {seed}',
            )


def test_order_of_images_and_detections_is_free():
    images = random_images(7) + random_images(8)
    rng = np.random.default_rng(0)
    shuffled = [
        im._replace(
            detections=[im.detections[i] for i in rng.permutation(len(im.detections))]
        )
        for im in images
    ]
    shuffled = [shuffled[i] for i in rng.permutation(len(images))]
    first, second = to_data(images), to_data(shuffled)
    np.testing.assert_array_equal(froc_curve(first).recall, froc_curve(second).recall)
    np.testing.assert_array_equal(
        bootstrap_froc(first, [0.5, 1], 20), bootstrap_froc(second, [0.5, 1], 20)
    )


def test_bootstrap_equals_a_loop_over_the_same_draws():
    fppi, n_draws = (0, 0.25, 0.5, 1, 2), 25
    compared = 0
    for seed in range(12):
        images = random_images(100 + seed)
        patients = sorted({im.patient for im in images})
        got = bootstrap_froc(to_data(images), fppi, n_draws, seed=seed)
        rng = np.random.default_rng(seed)
        for row in got:
            sample = []
            for k in rng.integers(len(patients), size=len(patients)):
                sample += [im for im in images if im.patient == patients[k]]
            points = reference.curve(sample, 0.2)
            expected = none_to_nan(reference.recall_at(points, f) for f in fppi)
            np.testing.assert_array_equal(row, expected)
            compared += not np.isnan(row).any()
    assert compared > 200


def test_patients_are_resampled_not_images():
    # Two images that go together: recall of a draw is 0 or 1, never between.
    images = [
        Image(p, [(ON_A, 0.9)] if p == 'a' else [], [A])
        for p in 'aabb'
        for _ in range(5)
    ]
    recalls = bootstrap_froc(to_data(images), [1], 200)
    assert set(recalls.ravel()) == {0, 0.5, 1}


def test_interval_of_a_single_patient_has_no_width():
    data = to_data([Image('p', [(ON_A, 0.9), (FP1, 0.8)], [A, B])])
    low, high = percentile_interval(bootstrap_froc(data, [0.5, 1], 50))
    assert low.tolist() == high.tolist() == [0.5, 0.5]


def test_interval_of_independent_lesions_is_the_binomial_one():
    """One lesion a patient and no false positives: recall is binomial."""
    n, n_found = 200, 120
    images = [
        Image(f'p{i:03}', [(ON_A, 0.9)] if i < n_found else [], [A]) for i in range(n)
    ]
    low, high = percentile_interval(bootstrap_froc(to_data(images), [1], 4000))
    expected = stats.binom.ppf([0.025, 0.975], n, n_found / n) / n
    np.testing.assert_allclose([low[0], high[0]], expected, atol=1.01 / n)


def test_percentile_interval():
    draws = np.arange(101.0)[::-1, None] / 100 * [1, 2]
    with_nan = np.vstack([draws, [NAN, NAN]])
    low, high = percentile_interval(with_nan)
    np.testing.assert_allclose(low, [0.025, 0.05])
    np.testing.assert_allclose(high, [0.975, 1.95])
    np.testing.assert_allclose(percentile_interval(draws, 0.5)[0], [0.25, 0.5])


def test_interval_without_lesions_is_nan():
    data = to_data([Image('p', [(FP1, 0.9)], [])])
    low, high = percentile_interval(bootstrap_froc(data, [0.5, 1], 10))
    assert np.isnan(low).all() and np.isnan(high).all() and len(low) == 2
