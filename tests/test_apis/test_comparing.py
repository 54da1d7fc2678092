"""Comparisons of files that tests wrote."""

import json

import numpy as np
import pytest

from mammo_plugins.apis.comparing import compare
from mammo_plugins.evaluation.functional import (
    FROCData,
    ImageMatches,
    auc_difference,
    bootstrap_auc,
    confusion,
    froc_summary,
    operating_threshold,
    roc_auc,
    roc_curve,
    roc_summary,
)
from mammo_plugins.io import JsonError


def roc_file(quality, n=160, order=None, **changes):
    """A file of ROCMetric: two samples a patient."""
    rng = np.random.default_rng(0)
    labels = (rng.uniform(size=n) < 0.4).astype(int)
    easy = rng.normal(size=n)
    own = np.random.default_rng(int(10 * quality)).normal(size=n)
    scores = quality * labels + easy + own
    order = np.arange(n) if order is None else order
    patients = np.arange(n) // 2
    summary = roc_summary(labels, scores, patients, n_bootstrap=20)
    summary['samples'] = dict(
        label=labels[order].tolist(),
        score=scores[order].tolist(),
        patient=patients[order].tolist(),
        exam=patients[order].tolist(),
        images=[[int(i), int(i) + 1000] for i in order],
    )
    return dict(summary, **changes), labels, scores, patients


def write(path, summary):
    path.write_text(json.dumps(summary))
    return str(path)


def test_classifiers(tmp_path):
    """As by hand, though the second file has another order."""
    order = np.random.default_rng(1).permutation(160)
    one, labels, first, patients = roc_file(2.0)
    other, _, second, _ = roc_file(1.0, order=order)
    paths = [write(tmp_path / 'a.json', one), write(tmp_path / 'b.json', other)]
    found = compare(paths, [('specificity', 0.8)], n_bootstrap=300)
    assert (found['samples'], found['patients']) == (160, 80)
    assert found['positives'] == labels.sum() and not found['warning']
    auc, sensitivity = found['figures']
    assert auc['values'] == pytest.approx([roc_auc(labels, s) for s in (first, second)])
    delong = auc_difference(labels, first, second, patients)
    assert [auc[k] for k in ('delong_low', 'delong_high', 'p_value')] == pytest.approx(
        [delong.low, delong.high, delong.p_value]
    )
    draws = np.subtract(
        *(bootstrap_auc(labels, s, patients, 300) for s in (first, second))
    )
    assert (auc['low'], auc['high']) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975]))
    )
    # two ways to one interval
    assert (auc['low'], auc['high']) == pytest.approx(
        (delong.low, delong.high), abs=0.03
    )
    at = [
        confusion(
            labels, s, operating_threshold(roc_curve(labels, s), 'specificity', 0.8)
        )['sensitivity']
        for s in (first, second)
    ]
    assert sensitivity['figure'] == 'sensitivity@specificity=0.8'
    assert sensitivity['values'] == pytest.approx(at)
    assert sensitivity['low'] < sensitivity['difference'] < sensitivity['high']


def test_a_system_with_itself(tmp_path):
    path = write(tmp_path / 'a.json', roc_file(1.0)[0])
    for row in compare([path, path], n_bootstrap=20)['figures']:
        assert (row['difference'], row['low'], row['high']) == (0, 0, 0)
    swapped = [
        compare(pair, n_bootstrap=20)['figures'][0]
        for other in [write(tmp_path / 'b.json', roc_file(2.0)[0])]
        for pair in ([path, other], [other, path])
    ]
    assert swapped[0]['difference'] == -swapped[1]['difference']
    assert swapped[0]['low'] == pytest.approx(-swapped[1]['high'])
    assert swapped[0]['p_value'] == pytest.approx(swapped[1]['p_value'])


def test_other_patients_are_refused(tmp_path):
    summary = roc_file(1.0)[0]
    path = write(tmp_path / 'a.json', summary)
    samples = summary['samples']
    fewer = {key: column[1:] for key, column in samples.items()}
    flipped = dict(samples, label=[1 - samples['label'][0], *samples['label'][1:]])
    for changed, said in (
        (fewer, '1 of 160 samples are of images that .*b.json lacks, 0 of its 159'),
        (flipped, '1 of 160 samples are labelled otherwise'),
        (dict(samples, label=None), 'field samples'),
    ):
        other = write(tmp_path / 'b.json', dict(summary, samples=changed))
        with pytest.raises(JsonError, match=said):
            compare([path, other])


def test_samples_that_cannot_be_told(tmp_path):
    """Several of an image, as detections are: the draws are left, and a warning."""
    summary = roc_file(1.0)[0]
    summary['samples']['images'] = [[1]] * 160
    path = write(tmp_path / 'a.json', summary)
    found = compare([path, path])
    assert 'samples' not in found and 'do not state' in found['warning']
    assert found['figures'][0]['figure'] == 'auc'
    assert found['figures'][0]['low'] == 0
    other = write(tmp_path / 'b.json', dict(summary, seed=3))
    with pytest.raises(JsonError, match='test both with the same settings'):
        compare([path, other])


def froc(found, iou_thr=0.2):
    """A file of FROCMetric of 24 images, half of them with a lesion."""
    matches = [
        ImageMatches(
            np.array([0.9 if i < 2 * found else 0.1, 0.05]),
            np.array([0 if i % 2 == 0 else -1, -1]),
            int(i % 2 == 0),
            i // 2,
        )
        for i in range(24)
    ]
    summary = froc_summary(
        FROCData.from_images(matches), iou_thr, 'bbox', n_bootstrap=50
    )
    summary['samples'] = dict(
        label=[int(i % 2 == 0) for i in range(24)],
        score=[m.scores.max() for m in matches],
        patient=[i // 2 for i in range(24)],
        exam=[None] * 24,
        images=[[i] for i in range(24)],
    )
    return summary


def test_detectors(tmp_path):
    paths = [write(tmp_path / f'{k}.json', froc(k)) for k in (8, 3)]
    found = compare(paths)
    names = [row['figure'] for row in found['figures']]
    assert names == ['recall@0.5', 'recall@1.0', 'recall@2.0', 'AUC by image']
    recall = found['figures'][0]
    a, b = (froc(k)['operating_points'][0]['recall'] for k in (8, 3))
    assert recall['values'] == [a, b] and recall['difference'] == a - b
    assert found['samples'] == 24
    other = write(tmp_path / 'c.json', froc(3, iou_thr=0.5))
    with pytest.raises(JsonError, match='such curves cannot be compared'):
        compare([paths[0], other])
    roc = write(tmp_path / 'roc.json', roc_file(1.0)[0])
    with pytest.raises(JsonError, match='compare two of one metric'):
        compare([paths[0], roc])


def test_few_patients(tmp_path):
    summary = roc_file(1.0)[0]
    keep = [0, 1, 2, 3]
    summary['samples'] = {
        k: [v[i] for i in keep] for k, v in summary['samples'].items()
    }
    summary['samples'].update(label=[1, 0, 0, 0], patient=[0, 0, 1, 1])
    path = write(tmp_path / 'a.json', summary)
    found = compare([path, path], n_bootstrap=10)
    assert found['warning'] == 'few cases: 1 positive and 2 negative patients'
    assert found['figures'][0]['low'] is found['figures'][0]['p_value'] is None


@pytest.mark.parametrize('text', ['{}', '[]', '{"figures": 3}', '{"exams": []}'])
def test_other_files(tmp_path, text):
    path = tmp_path / 'predictions.json'
    path.write_text(text)
    with pytest.raises(JsonError, match='mammo test wrote'):
        compare([path, path])
    with pytest.raises(FileNotFoundError, match='mammo test wrote'):
        compare([tmp_path / 'none.json', path])


@pytest.mark.parametrize('junk', [None, 'x', -3, [], {}, [[1]], 1e300, True])
def test_damaged_files_are_named(tmp_path, junk):
    """Each field that is read in turn: an error of the file, or figures."""
    for k, whole in enumerate((roc_file(1.0, n=12)[0], froc(3))):
        path = write(tmp_path / f'{k}.json', whole)
        for field in ('samples', 'draws', 'operating_points', 'counts', 'n_bootstrap'):
            inner = [field]
            if field == 'samples':
                inner += [f'samples.{name}' for name in whole['samples']]
            for name in inner:
                changed = json.loads(json.dumps(whole))
                if '.' in name:
                    changed['samples'][name.partition('.')[2]][0] = junk
                else:
                    changed[name] = junk
                other = write(tmp_path / 'other.json', changed)
                try:
                    compare([path, other], n_bootstrap=3)
                except JsonError as error:
                    assert '.json' in str(error)
