"""Localization by heat maps against scikit-learn, loops and hand-computed cases."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from mammo_plugins.evaluation.functional import (
    CAM_SWEEP,
    CAM_THRESHOLD,
    FIGURES,
    TIOR_THRESHOLDS,
    TIOU_THRESHOLDS,
    Overlap,
    binarise,
    bootstrap_means,
    box_mask,
    image_figures,
    localization_accuracy,
    localization_summary,
    max_hit,
    means_summary,
    percentile_interval,
    region_overlap,
)


def random_overlaps(seed, n=30):
    rng = np.random.default_rng(seed)
    overlaps = [
        region_overlap(rng.random((8, 6)) < rng.random(), rng.random((8, 6)) < 0.4)
        for _ in range(n)
    ]
    return overlaps, rng.integers(0, 9, n).tolist()


def test_thresholds_are_the_papers():
    np.testing.assert_allclose(TIOU_THRESHOLDS, np.arange(1, 8) / 10)
    assert TIOR_THRESHOLDS == (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.mark.parametrize('seed', range(3))
def test_the_default_is_that_of_the_papers_reference(seed):
    """sigmoid(100 (m - 0.4)) >= 0.999, as HAM's code has it."""
    cam = np.random.default_rng(seed).uniform(0, 7, (40, 30))
    scaled = (cam - cam.min()) / (cam.max() - cam.min())
    soft = 1 / (1 + np.exp(-100 * (scaled - 0.4)))
    np.testing.assert_array_equal(binarise(cam), soft >= 0.999)
    np.testing.assert_array_equal(binarise(soft, 'absolute', 0.999), soft >= 0.999)
    assert CAM_THRESHOLD == pytest.approx(0.469, abs=1e-3)


@pytest.mark.parametrize(
    'rule, threshold, expected',
    [
        ('minmax', 0.5, [0, 0, 1, 1]),  # scaled to 0, 0.25, 0.5, 1
        ('minmax', 0.51, [0, 0, 0, 1]),
        ('max', 0.2, [1, 1, 1, 1]),
        ('max', 0.5, [0, 0, 1, 1]),  # of 10: 2, 4, 6, 10
        ('max', 0.6, [0, 0, 1, 1]),
        ('absolute', 4, [0, 1, 1, 1]),
        ('absolute', 11, [0, 0, 0, 0]),
    ],
)
def test_rules_by_hand(rule, threshold, expected):
    found = binarise(np.array([[2, 4], [6, 10]]), rule, threshold)
    assert found.dtype == bool and found.shape == (2, 2)
    np.testing.assert_array_equal(found.ravel(), np.array(expected, bool))


@pytest.mark.parametrize(
    'rule, value, whole',
    [
        ('minmax', 0.0, False),
        ('minmax', 0.7, False),
        ('max', 0.0, False),
        ('max', 0.7, True),
        ('absolute', 0.0, False),
        ('absolute', 0.7, True),
    ],
)
def test_constant_maps(rule, value, whole):
    noise = np.random.default_rng(0).uniform(-1e-8, 1e-8, (4, 5)) * value
    for heat_map in (np.full((4, 5), value), np.full((4, 5), value) + noise):
        found = binarise(heat_map, rule, 0.5)
        assert found.all() if whole else not found.any()


@pytest.mark.parametrize(
    'heat_map, message',
    [
        (np.zeros((1, 4, 4)), r'shape \(1, 4, 4\)'),
        (np.zeros((0, 4)), r'\(0, 4\)'),
        (np.full((2, 2), np.nan), 'NaN'),
        (np.array([[1, np.inf]]), 'infinity'),
        (np.array([[-0.5, 1]]), '-0.5'),
    ],
)
def test_maps_that_cannot_be_used(heat_map, message):
    with pytest.raises(ValueError, match=message):
        binarise(heat_map)


@pytest.mark.parametrize(
    'rule, threshold',
    [
        ('otsu', 0.5),
        ('minmax', 0.0),
        ('max', 1.1),
        ('absolute', 0.0),
        ('minmax', math.nan),
    ],
)
def test_rules_that_are_none(rule, threshold):
    with pytest.raises(ValueError, match='heat maps'):
        binarise(np.ones((2, 2)), rule, threshold)


@pytest.mark.parametrize(
    'box, pixels',
    [
        ((1, 2, 3, 4), [(2, 1), (2, 2), (3, 1), (3, 2)]),
        ((1.5, 2, 2.5, 3), [(2, 1)]),  # the centre 1.5 is in, 2.5 is not
        ((1.4, 2, 2.6, 3), [(2, 1), (2, 2)]),
        ((1.6, 2.1, 1.9, 2.3), [(2, 1)]),  # no centre: the pixel of the middle
        ((-3, -2, 1, 1), [(0, 0)]),
        ((3, 4, 9, 9), [(4, 3)]),
        ((9, 9, 12, 12), []),
        ((-9, 0, -5, 2), []),
        ((0, -3, 4, -0.7), []),
    ],
)
def test_box_mask(box, pixels):
    found = box_mask(box, (5, 4))
    assert found.shape == (5, 4)
    assert [tuple(p) for p in np.argwhere(found)] == sorted(pixels)


@pytest.mark.parametrize('seed', range(5))
def test_overlap_against_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    detected, lesion = rng.random((2, 20, 15)) < [[[0.3]], [[0.5]]]
    found = region_overlap(detected, lesion)
    pair = lesion.ravel(), detected.ravel()
    assert found.iou == pytest.approx(jaccard_score(*pair))
    assert found.dice == pytest.approx(f1_score(*pair))
    assert found.ior == pytest.approx(recall_score(*pair))
    assert found.iod == pytest.approx(precision_score(*pair))


def test_overlap_by_hand():
    detected, lesion = np.zeros((2, 4, 4), bool)
    detected[:2], lesion[1:, :2] = True, True  # 8 and 6 pixels, 2 in both
    assert region_overlap(detected, lesion) == (2 / 12, 2 / 6, 2 / 8, 4 / 14)
    everything = region_overlap(np.ones((4, 4)), lesion)
    assert everything.ior == 1 and everything.iod == everything.iou == 6 / 16


def test_nothing_detected_or_no_pixel_of_the_lesion():
    empty, some = np.zeros((3, 3), bool), np.eye(3, dtype=bool)
    for detected, lesion in ((empty, some), (some, empty), (empty, empty)):
        assert region_overlap(detected, lesion) == (0, 0, 0, 0)


@pytest.mark.parametrize('seed', range(3))
def test_ignored_pixels_by_a_loop(seed):
    rng = np.random.default_rng(seed)
    detected, lesion, ignored = rng.random((3, 9, 7)) < 0.5
    hits = found = of = 0
    for d, r, i in zip(detected.ravel(), lesion.ravel(), ignored.ravel()):
        of += r
        hits += d and r
        found += d and (r or not i)
    overlap = region_overlap(detected, lesion, ignored)
    assert overlap == pytest.approx(
        (hits / (of + found - hits), hits / of, hits / found, 2 * hits / (of + found))
    )


@pytest.mark.parametrize('seed', range(6))
def test_maxima_by_a_loop(seed):
    """Of few values, so that several pixels have the highest."""
    rng = np.random.default_rng(seed)
    heat_map = rng.integers(0, 5, (9, 7)).astype(float)
    lesion, ignored = rng.random((2, 9, 7)) < 0.4
    for without in (None, ignored):
        best, hits = -1.0, []
        for value, of, out in zip(
            heat_map.ravel(),
            lesion.ravel(),
            (without if without is not None else np.zeros(63, bool)).ravel(),
        ):
            if out and not of:
                continue
            if value > best:
                best, hits = value, []
            if value == best:
                hits.append(of)
        assert len(hits) > 1
        assert max_hit(heat_map, lesion, without) == pytest.approx(np.mean(hits))


def test_maxima_by_hand():
    heat_map, lesion = np.zeros((3, 4)), np.zeros((3, 4), bool)
    heat_map[1, 2], heat_map[0, 0], lesion[1, 2:] = 0.7, 0.9, True
    assert max_hit(heat_map, lesion) == 0
    ignored = np.zeros((3, 4), bool)
    ignored[0] = True
    assert max_hit(heat_map, lesion, ignored) == 1  # the other one does not count
    # rounding of an interpolation does not part equals
    heat_map[0, 0] = 0.7 * (1 + 1e-8)
    assert max_hit(heat_map, lesion) == 0.5
    for constant in (0.0, 0.7):
        assert max_hit(np.full((3, 4), constant), lesion) == 0
    assert max_hit(heat_map, lesion, ~lesion) == 1
    heat_map[1, 2] = 0
    assert max_hit(heat_map, lesion, ~lesion) == 0  # nothing is left
    with pytest.raises(ValueError, match='lesion mask'):
        max_hit(heat_map, lesion.T)


def test_a_sweep_by_loops():
    rng = np.random.default_rng(0)
    maps, lesions = rng.random((12, 8, 6)), rng.random((12, 8, 6)) < 0.4
    sweep = {
        t: [
            region_overlap(binarise(m, threshold=t), of) for m, of in zip(maps, lesions)
        ]
        for t in CAM_SWEEP
    }
    hits = [max_hit(m, of) for m, of in zip(maps, lesions)]
    summary = localization_summary(
        sweep[0.47], range(12), n_bootstrap=20, max_hits=hits, sweep=sweep
    )
    assert [point['threshold'] for point in summary['sweep']] == list(CAM_SWEEP)
    assert CAM_SWEEP[0] == pytest.approx(CAM_THRESHOLD, abs=0.01)
    assert CAM_SWEEP[-1] == 0.9
    for point in summary['sweep']:
        ious, above = [], 0
        for heat_map, lesion in zip(maps, lesions):
            low, high = heat_map.min(), heat_map.max()
            hot = heat_map >= low + point['threshold'] * (high - low)
            ious.append(jaccard_score(lesion.ravel(), hot.ravel()))
            above += sum(ious[-1] > t for t in TIOU_THRESHOLDS) / 7
        assert point['iou'] == pytest.approx(np.mean(ious))
        assert point['mean_tiou'] == pytest.approx(above / 12)
    hit = summary['figures']['max_hit']
    assert hit['value'] == pytest.approx(
        np.mean(
            [of[np.unravel_index(m.argmax(), m.shape)] for m, of in zip(maps, lesions)]
        )
    )
    assert (
        hit['low'] <= hit['value'] <= hit['high']
        and len(summary['draws']['max_hit']) == 20
    )
    # without maps there is neither
    plain = localization_summary(sweep[0.47], range(12), n_bootstrap=0)
    assert plain['sweep'] == [] and set(plain['figures']) == set(FIGURES)
    empty = localization_summary([], [], n_bootstrap=0, max_hits=[], sweep={0.5: []})
    assert empty['sweep'][0]['iou'] is None
    assert empty['figures']['max_hit']['value'] is None
    json.dumps([summary, empty], allow_nan=False)


def test_masks_of_another_size():
    ones = np.ones((3, 4))
    with pytest.raises(ValueError, match=r'lesion mask.*\(4, 3\).*\(3, 4\)'):
        region_overlap(ones, ones.T)
    with pytest.raises(ValueError, match='ignored mask'):
        region_overlap(ones, ones, ones.T)


def test_accuracy_by_hand():
    """Above means above: a value equal to the threshold is not."""
    values = [0.1, 0.3, 0.65, 0.0]
    np.testing.assert_array_equal(
        localization_accuracy(values, [0, 0.1, 0.3, 0.7]), [0.75, 0.5, 0.25, 0]
    )
    figures = image_figures([Overlap(0.3, 0.5, 0.8, 0.4)])
    np.testing.assert_allclose(figures, [[0.3, 0.5, 0.8, 0.4, 2 / 7, 2 / 5, 4 / 5]])


@pytest.mark.parametrize('seed', range(3))
def test_figures_by_loops(seed):
    overlaps, patients = random_overlaps(seed)
    summary = localization_summary(overlaps, patients, n_others=4, n_bootstrap=3)
    for name, field, thresholds in (
        ('tiou', 'iou', TIOU_THRESHOLDS),
        ('tior', 'ior', TIOR_THRESHOLDS),
        ('tiod', 'iod', TIOR_THRESHOLDS),
    ):
        points = []
        for threshold in thresholds:
            hits = sum(getattr(overlap, field) > threshold for overlap in overlaps)
            points.append(dict(threshold=threshold, accuracy=hits / len(overlaps)))
        assert summary['accuracies'][name] == points
        assert summary['figures'][f'mean_{name}']['value'] == pytest.approx(
            sum(p['accuracy'] for p in points) / len(points)
        )
    for name in Overlap._fields:
        assert summary['figures'][name]['value'] == pytest.approx(
            sum(getattr(overlap, name) for overlap in overlaps) / len(overlaps)
        )
    assert summary['counts'] == dict(
        images=34, abnormal_images=30, resampling_units=len(set(patients))
    )


def test_bootstrap_draws_patients_with_all_their_images():
    overlaps, patients = random_overlaps(7)
    figures = image_figures(overlaps)
    draws = bootstrap_means(figures, patients, 20, seed=5)
    names = sorted(set(map(str, patients)))
    rng = np.random.default_rng(5)
    for draw in draws:
        rows = []
        for k in rng.integers(len(names), size=len(names)):
            rows += [f for f, p in zip(figures, patients) if str(p) == names[k]]
        np.testing.assert_allclose(draw, np.mean(rows, axis=0))
    summary = localization_summary(overlaps, patients, n_bootstrap=20, seed=5)
    low, high = percentile_interval(draws)
    for name, lower, upper in zip(FIGURES, low, high):
        figure = summary['figures'][name]
        assert (figure['low'], figure['high']) == pytest.approx((lower, upper))
    np.testing.assert_allclose(summary['draws']['dice'], draws[:, 3], atol=1e-6)


def test_one_patient_a_sample():
    with pytest.raises(ValueError, match='2 patients for 30 samples'):
        localization_summary(random_overlaps(0)[0], ['a', 'b'], n_bootstrap=1)


def test_an_interval_takes_two_patients():
    overlaps, _ = random_overlaps(2, n=6)
    one = localization_summary(overlaps, ['a'] * 6, n_bootstrap=9)
    assert set(one['no_interval']) == set(FIGURES)
    assert set(one['no_interval'].values()) == {
        'only 1 of the patients has a value, an interval needs two'
    }
    for name, figure in one['figures'].items():
        assert figure['value'] is not None
        assert figure['low'] is figure['high'] is None
        assert one['draws'][name] == [None] * 9
    two = localization_summary(overlaps, ['a'] * 5 + ['b'], n_bootstrap=9)
    assert two['no_interval'] == {}
    assert two['figures']['iou']['low'] < two['figures']['iou']['high']


def test_each_figure_has_its_own_patients():
    """The second is known of one patient alone, the third of draws with 'b' or 'c'."""
    figures = np.array([[1, 5, np.nan], [2, np.nan, 7], [4, np.nan, 9]])
    summary = means_summary(figures, ('all', 'one', 'two'), ['a', 'b', 'c'], 200)
    assert set(summary['no_interval']) == {'one'}
    assert summary['figures']['one'] == dict(value=5, low=None, high=None)
    assert summary['figures']['two'] == dict(value=8, low=7, high=9)
    assert summary['figures']['all']['low'] < 2 < summary['figures']['all']['high']


def test_without_a_lesion_nothing_is_defined():
    summary = localization_summary([], [], n_others=3, n_bootstrap=4)
    assert summary['counts'] == dict(images=3, abnormal_images=0, resampling_units=0)
    for figure in summary['figures'].values():
        assert figure == dict(value=None, low=None, high=None)
    assert summary['accuracies']['tior'][0] == dict(threshold=0.1, accuracy=None)
    json.dumps(summary, allow_nan=False)


def test_without_bootstrap():
    summary = localization_summary(*random_overlaps(1), n_bootstrap=0)
    assert summary['figures']['iou']['low'] is None
    assert summary['draws']['iou'] == []
    json.dumps(summary, allow_nan=False)
