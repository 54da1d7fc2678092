"""What froc.json keeps, against the brute-force loops and the full curve."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mammo_plugins.evaluation.functional import (
    FROCData,
    ImageMatches,
    bootstrap_froc,
    box_iou,
    format_table,
    froc_curve,
    froc_summary,
    match_detections,
    percentile_interval,
    read_froc,
    recall_at_fppi,
    rule_sentence,
)

sys.path.insert(0, str(Path(__file__).parent))
import froc_reference as reference
from froc_reference import Image

THR = 0.3


def random_images(n=30):
    rng = np.random.default_rng(5)

    def boxes(count):
        corner = rng.integers(0, 20, (count, 2))
        size = rng.integers(5, 20, (count, 2))
        return [tuple(map(float, b)) for b in np.hstack([corner, corner + size])]

    return [
        Image(
            f'p{i // 3}', [(b, rng.integers(50) / 50) for b in boxes(5)], boxes(i % 3)
        )
        for i in range(n)
    ]


@pytest.fixture(scope='module')
def images():
    return random_images()


@pytest.fixture(scope='module')
def data(images):

    def match(image):
        boxes = np.array([b for b, _ in image.detections])
        lesions = np.array(image.lesions).reshape(-1, 4)
        return ImageMatches(
            np.array([s for _, s in image.detections]),
            match_detections(box_iou(boxes, lesions), THR),
            len(lesions),
            image.patient,
        )

    return FROCData.from_images([match(image) for image in images])


@pytest.fixture(scope='module')
def summary(data):
    return froc_summary(data, THR, 'bbox', n_bootstrap=40, seed=3)


def test_operating_points(images, data, summary):
    points = reference.curve(images, THR)
    low, high = percentile_interval(bootstrap_froc(data, (0.5, 1, 2), 40, 3))
    assert len(summary['operating_points']) == 3
    for i, point in enumerate(summary['operating_points']):
        fppi = (0.5, 1, 2)[i]
        allowed = [p for p in points if p[2] <= fppi]
        assert point['fppi'] == fppi
        assert point['recall'] == max(recall for _, recall, _ in allowed)
        assert point['threshold'] == min(threshold for threshold, _, _ in allowed)
        assert point['fppi_reached'] == max(reached for _, _, reached in allowed)
        assert (point['low'], point['high']) == (low[i], high[i])


def test_corners_keep_the_whole_step_function(data, summary):
    corners = summary['curve']
    assert len(corners['fppi']) < len(froc_curve(data).fppi)
    grid = np.linspace(0, 5, 301)
    index = np.searchsorted(corners['fppi'], grid, side='right') - 1
    np.testing.assert_array_equal(
        np.array(corners['recall'])[index], recall_at_fppi(froc_curve(data), grid)
    )
    # no corner is out of place when its neighbours are joined by a step
    full = froc_curve(data)
    for i in np.flatnonzero(np.diff(corners['recall']) > 0):
        before = full.recall == corners['recall'][i]
        assert corners['fppi'][i] == full.fppi[before].max()


def test_band(data, summary):
    band = summary['band']
    assert band['fppi'][0] == 0 and band['fppi'][-1] <= froc_curve(data).fppi[-1]
    low, high = percentile_interval(bootstrap_froc(data, band['fppi'], 40, 3))
    np.testing.assert_allclose(band['low'], low)
    np.testing.assert_allclose(band['high'], high)


def test_counts(images, summary):
    counts = summary['counts']
    assert counts['images'] == 30 and counts['normal_images'] == 10
    assert counts['lesions'] == sum(len(im.lesions) for im in images)
    assert counts['detections'] == 150 and counts['resampling_units'] == 10
    _, recall, fppi = reference.curve(images, THR)[-1]
    assert counts['false_positives'] == round(fppi * 30)
    assert summary['all_detections'] == dict(recall=recall, fppi=fppi)


def test_rule_names_every_choice(summary):
    rule = rule_sentence(summary)
    assert rule == summary['rule']
    for text in (
        'IoU > 0.3',
        '(boxes)',
        'all 30 images',
        '10 normals included',
        'without interpolation',
        '40 bootstrap draws of patients',
        'seed 3',
    ):
        assert text in rule
    rule = rule_sentence({**summary, 'match': 'mask', 'n_bootstrap': 0})
    assert '(masks)' in rule and 'no CI' in rule


def test_table(summary):
    point = summary['operating_points'][1]
    row = format_table({'ours': summary}).splitlines()[3].split()
    assert row == [
        'ours',
        '1',
        f'{point["recall"]:.3f}',
        f'[{point["low"]:.3f},',
        f'{point["high"]:.3f}]',
        str(np.floor(point['threshold'] * 1e6) / 1e6).ljust(8, '0'),
        f'{point["recall_normals"]:.3f}',
    ]


def test_unknown_is_none_in_json_and_a_dash_in_the_table():
    data = FROCData.from_images([ImageMatches(np.ones(1), [-1], 0, 'p')])
    summary = json.loads(json.dumps(froc_summary(data, THR, 'bbox'), allow_nan=False))
    assert summary['all_detections'] == dict(recall=None, fppi=1)
    assert [p['recall'] for p in summary['operating_points']] == [None] * 3
    assert summary['operating_points'][0]['threshold'] is None
    assert format_table({'a': summary}).splitlines()[2].split() == [
        'a',
        '0.5',
        '-',
        '-',
        '-',
        '-',
    ]


@pytest.mark.parametrize(
    'lesions, reason',
    [
        ((2, 0, 0, 0), 'only 1 of the patients has a lesion'),
        ((0, 0, 0, 0), 'none of the patients has a lesion'),
        ((2, 1, 0, 0), ''),
    ],
)
def test_an_interval_takes_two_patients_with_a_lesion(lesions, reason):
    """However many others there are: all draws share that one's lesions."""
    data = FROCData.from_images(
        [
            ImageMatches(np.array([0.9, 0.5]), [0 if n else -1, -1], n, f'p{i}')
            for i, n in enumerate(lesions)
        ]
    )
    summary = froc_summary(data, THR, 'bbox', n_bootstrap=30)
    assert bool(summary['no_interval']) == bool(reason)
    known = [
        point[end] is not None
        for point in summary['operating_points']
        for end in ('low', 'high')
    ] + [value is not None for end in ('low', 'high') for value in summary['band'][end]]
    assert all(known) if not reason else not any(known)
    assert ('no CI: ' + reason if reason else '30 bootstrap draws') in summary['rule']
    if reason:
        assert {value for draw in summary['draws'] for value in draw} == {None}
        assert format_table({'a': summary}).splitlines()[2].split()[3] == '-'
    json.dumps(summary, allow_nan=False)


def test_read_froc(tmp_path, summary):
    path = tmp_path / 'froc.json'
    path.write_text(json.dumps(summary))
    assert read_froc(path) == summary
    with pytest.raises(FileNotFoundError, match='none.json: no such file'):
        read_froc(tmp_path / 'none.json')


@pytest.mark.parametrize(
    'change, field',
    [
        (lambda s: s['operating_points'][0].pop('low'), 'operating_points'),
        (lambda s: s['operating_points'][1].pop('threshold'), 'operating_points'),
        (lambda s: s['operating_points'][0].pop('recall_normals'), 'operating_points'),
        (lambda s: s['band']['high'].__setitem__(3, None), 'band'),
        (lambda s: s['band']['low'].__setitem__(0, None), 'band'),
        (lambda s: s['band']['fppi'].__setitem__(3, None), 'band'),
    ],
)
def test_a_part_that_is_missing_deep_inside(tmp_path, summary, change, field):
    damaged = json.loads(json.dumps(summary))
    change(damaged)
    path = tmp_path / 'froc.json'
    path.write_text(json.dumps(damaged))
    with pytest.raises(ValueError, match=f"froc.json: fields \\['{field}'\\]"):
        read_froc(path)


def test_what_is_printed_keeps_the_same_detections():
    """In scores that differ late, of which rounding to nearest would lose the last."""
    rng = np.random.default_rng(1)
    scores = np.unique(np.float32(0.4 + 2e-4 * rng.random(40)))
    images = [
        ImageMatches(scores[k : k + 1], np.array([0 if k % 3 else -1]), 1, f'p{k}')
        for k in range(len(scores))
    ]
    fppi = [0.05 * k for k in range(1, 6)]
    summary = froc_summary(
        FROCData.from_images(images),
        iou_thr=0.2,
        match='bbox',
        fppi=fppi,
        n_bootstrap=0,
    )
    printed = [
        line.split()[4] for line in format_table(dict(a=summary)).splitlines()[2:]
    ]
    assert len(printed) == len(fppi)
    for text, point in zip(printed, summary['operating_points']):
        kept = scores >= point['threshold']
        assert 0 < kept.sum() < len(scores)
        assert ((scores >= float(text)) == kept).all()
