"""Systems against each other, over seeds."""

import numpy as np
import pytest

from mammo_plugins.evaluation.functional import (
    FROCData,
    ImageMatches,
    froc_summary,
    means_summary,
    probabilistic_f1_summary,
    roc_summary,
)
from mammo_plugins.evaluation.functional.comparison import (
    format_estimate,
    mean_over_seeds,
    paired_difference,
    read_draws,
)

RECALL = ('recall@0.5', 'recall@1.0', 'recall@2.0')


def froc(seed, better=0.0):
    """A summary of 30 patients with one lesion each, found by chance."""
    rng = np.random.default_rng(seed)
    matches = []
    for patient in range(30):
        score = rng.random() + better
        matches.append(
            ImageMatches(
                np.array([score, rng.random()]), np.array([0, -1]), 1, f'p{patient}'
            )
        )
    return froc_summary(FROCData.from_images(matches), iou_thr=0.2, match='bbox')


def test_draws_are_those_of_the_interval():
    summary = froc(0)
    values, draws = read_draws(summary, RECALL)
    points = summary['operating_points']
    assert values.tolist() == [point['recall'] for point in points]
    assert draws.shape == (1000, 3)
    assert np.quantile(draws, 0.025, axis=0) == pytest.approx(
        [point['low'] for point in points], abs=1e-5
    )
    assert np.quantile(draws, 0.975, axis=0) == pytest.approx(
        [point['high'] for point in points], abs=1e-5
    )


def test_draws_of_auc():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    summary = roc_summary(labels, rng.random(40) + labels * 0.3, range(40))
    values, draws = read_draws(summary, ('auc', 'macro_f1'))
    assert values.tolist() == [
        summary['auc'],
        summary['operating_points'][0]['macro_f1'],
    ]
    assert draws.shape == (1000, 2)
    assert np.quantile(draws[:, 0], 0.025) == pytest.approx(
        summary['auc_low'], abs=1e-5
    )
    assert draws[:, 1].mean() == pytest.approx(values[1], abs=0.02)


def test_draws_of_macro_f1_at_a_chosen_threshold():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    scores = rng.random(40) * 0.3 + labels * 0.1  # all below 0.5
    summary = roc_summary(
        labels,
        scores,
        range(40),
        50,
        operating_points=(('threshold', 0.5), ('chosen', 0.2)),
    )
    values, draws = read_draws(summary, ('macro_f1', 'macro_f1@chosen'))
    point = summary['operating_points'][1]
    assert values.tolist() == [pytest.approx(1 / 3), point['macro_f1']]
    assert values[1] > values[0]
    assert draws[:, 1].tolist() == point['macro_f1_draws']


def test_draws_of_pf1():
    labels, scores = np.arange(40) % 2, np.random.default_rng(0).random(40)
    summary = roc_summary(labels, scores, range(40), 50)
    with pytest.raises(ValueError, match="no figure 'pf1'; there are auc, macro_f1"):
        read_draws(summary, ('pf1',))
    summary['probabilistic_f1'] = by_breast = probabilistic_f1_summary(
        labels, scores, range(40), range(40), n_bootstrap=50
    )
    values, draws = read_draws(summary, ('f1_best', 'auc', 'pf1'))
    assert values.tolist() == [
        by_breast['f1_best']['value'],
        summary['auc'],
        by_breast['pf1']['value'],
    ]
    assert draws[:, 2].tolist() == by_breast['pf1']['draws'] and len(draws) == 50


def test_draws_of_means():
    rng = np.random.default_rng(0)
    figures = rng.random((20, 3))
    summary = means_summary(figures, ('a', 'b', 'c'), range(20), 200)
    values, draws = read_draws(summary, ('c', 'a'))
    assert values == pytest.approx(figures.mean(axis=0)[[2, 0]])
    assert draws.shape == (200, 2)
    assert np.quantile(draws[:, 0], 0.025) == pytest.approx(
        summary['figures']['c']['low'], abs=1e-5
    )
    with pytest.raises(ValueError, match='no figure .d.; there are a, b, c'):
        read_draws(summary, ('d',))


def test_mean_of_seeds_is_narrower_than_one():
    seeds = [read_draws(froc(seed), RECALL) for seed in range(3)]
    mean = mean_over_seeds(*zip(*seeds))
    assert mean.value == pytest.approx(np.mean([v for v, _ in seeds], axis=0))
    one = mean_over_seeds([seeds[0][0]], [seeds[0][1]])
    assert (mean.high - mean.low < one.high - one.low)[0]


def test_a_system_does_not_differ_from_itself():
    values, draws = zip(*[read_draws(froc(seed), RECALL) for seed in range(2)])
    same = paired_difference(values, draws, values, draws)
    assert not same.value.any() and not same.low.any() and not same.high.any()
    assert format_estimate(same, 0, signed=True) == '0.00 [0.00, 0.00]'


def test_pairing_narrows_the_difference():
    """A small gain on the same patients shows, on other patients it does not."""
    reference, better = (read_draws(froc(0, gain), RECALL) for gain in (0.0, 0.1))
    paired = paired_difference(*[[x] for x in (*better, *reference)])
    rng = np.random.default_rng(1)
    unpaired = paired_difference(
        [better[0]], [better[1]], [reference[0]], [rng.permutation(reference[1])]
    )
    assert paired.value == pytest.approx(unpaired.value)
    assert (paired.high - paired.low)[0] < 0.8 * (unpaired.high - unpaired.low)[0]


def test_other_numbers_of_draws_are_an_error():
    values, draws = read_draws(froc(0), RECALL)
    with pytest.raises(ValueError, match='same number of draws'):
        paired_difference([values], [draws], [values], [draws[:500]])


def test_format():
    values, draws = read_draws(froc(0), RECALL)
    text = format_estimate(mean_over_seeds([values], [draws]), 1)
    assert text.count('.') == 3 and text[4] == ' ' and text.endswith(']')
    precise = format_estimate(mean_over_seeds([values], [draws]), 1, digits=3)
    assert precise[5] == ' ' and float(precise[:5]) == pytest.approx(
        values[1], abs=5e-4
    )
    draws[:] = np.nan  # as of one patient
    assert format_estimate(mean_over_seeds([values], [draws]), 1).endswith(' (no CI)')
