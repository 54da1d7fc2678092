"""The file of a calibration: what is in it, whose it is, and what it does to an exam."""

import copy

import numpy as np
import pytest
from mmengine.config import Config
from scipy.special import expit, logit

from mammo_plugins.apis import calibrating
from mammo_plugins.apis.calibrating import _lacking, choose_point, fit_score
from mammo_plugins.apis.calibration import (
    Calibration,
    calibration_of,
    calibration_path,
    exam_score,
)
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.io import JsonError, file_sha256

STEPS = dict(scores=[0.2, 0.6], probabilities=[0.1, 0.5])
FACTS = dict(
    format='mammo_plugins.calibration/1',
    checkpoint_sha256=['0' * 64],
    tta=None,
    part=None,
    scores={
        'views.detections.score': dict(method='isotonic', parameters=STEPS),
        'views.detections.malignancy': dict(
            method='temperature', parameters=dict(temperature=2.0)
        ),
    },
    operating_point=dict(score='views.detections.score', threshold=0.5),
)


def exam(*scores):
    return dict(
        exam_id='e',
        views=[
            dict(detections=[dict(score=s, malignancy=0.9) for s in scores]),
            dict(detections=[]),
            dict(),
        ],
    )


def test_an_exam_gets_probabilities():
    """Beside its scores, which stay."""
    entry = exam(0.4, 0.1)
    Calibration(FACTS).apply(entry)
    first, second = entry['views'][0]['detections']
    assert (first['score'], first['score_calibrated']) == (0.4, 0.3)
    assert second['score_calibrated'] == 0.1  # level below the first point
    assert first['malignancy_calibrated'] == pytest.approx(
        expit(logit(0.9) / 2), abs=1e-6
    )
    assert entry['recall'] == dict(exam_score=0.4, threshold=0.5, recalled=False)
    again = copy.deepcopy(entry)
    Calibration(FACTS).apply(again)
    assert again == entry


@pytest.mark.parametrize(
    'entry, recall',
    [
        (exam(0.2, 0.7), (0.7, True)),
        (exam(0.5), (0.5, True)),
        (exam(), (0.0, False)),
        (dict(views=[]), (None, None)),
    ],
)
def test_recall(entry, recall):
    Calibration(FACTS).apply(entry)
    assert (entry['recall']['exam_score'], entry['recall']['recalled']) == recall


@pytest.mark.parametrize(
    'name, entry, score',
    [
        ('malignancy', dict(malignancy=0.3, views=[]), 0.3),
        (
            'breasts.malignancy',
            dict(breasts=[dict(malignancy=m) for m in (0.2, 0.6)]),
            0.6,
        ),
        ('pairs.asymmetric', dict(pairs=[dict(asymmetric=None)]), None),
        (
            'pairs.asymmetric',
            dict(pairs=[dict(asymmetric=a) for a in (None, 0.1)]),
            0.1,
        ),
    ],
)
def test_score_of_an_exam(name, entry, score):
    assert exam_score(entry, name) == score


def test_whose_it_is(tmp_path):
    """Weights and flips, whatever the names of the files."""
    weights = [tmp_path / name for name in ('a.pth', 'b.pth')]
    for path in weights:
        path.write_text(path.name)
    assert calibration_of(weights[:1], None) is None
    facts = dict(FACTS, checkpoint_sha256=[file_sha256(weights[0])])
    Calibration(facts).write(calibration_path(weights[0]))
    assert calibration_of(weights[:1], None).facts == facts
    moved = weights[0].rename(tmp_path / 'c.pth')
    given = str(calibration_path(weights[0]))
    assert calibration_of([moved], None, given).facts == facts
    for others, tta, said in (
        ([weights[1]], None, 'of other weights than b.pth'),
        ([moved, weights[1]], None, 'of other weights than c.pth, b.pth'),
        ([moved], 'flip', '--tta left out, these are with flip'),
    ):
        with pytest.raises(JsonError, match=said) as error:
            calibration_of(others, tta, given)
        assert str(error.value).startswith(given)
        assert calibration_of(others, tta, 'none') is None
    both = dict(FACTS, checkpoint_sha256=[*map(file_sha256, (moved, weights[1]))])
    Calibration(both).write(given)
    assert calibration_of([weights[1], moved], None, given).facts == both
    with pytest.raises(FileNotFoundError, match='no such calibration'):
        calibration_of([moved], None, str(tmp_path / 'none.json'))


@pytest.mark.parametrize(
    'change, field',
    [
        (dict(format='mammo_plugins.roc/1'), 'format'),
        (dict(checkpoint_sha256='0'), 'checkpoint_sha256'),
        (dict(tta=1), 'tta'),
        (dict(scores={'views.score': {}}), 'scores'),
        (
            dict(scores={'malignancy': dict(method='platt', parameters={})}),
            'malignancy',
        ),
        (
            dict(
                scores={
                    'malignancy': dict(
                        method='temperature', parameters=dict(temperature=0)
                    )
                }
            ),
            'malignancy',
        ),
        (
            dict(
                scores={
                    'malignancy': dict(
                        method='isotonic',
                        parameters=dict(scores=[0.6, 0.2], probabilities=[0, 1]),
                    )
                }
            ),
            'malignancy',
        ),
        (dict(operating_point=dict(score='malignancy', threshold=None)), 'operating'),
    ],
)
def test_damaged_files(change, field):
    with pytest.raises(JsonError, match=field):
        Calibration({**FACTS, **change}, 'file.json')
    for key in FACTS.keys() - {'part'}:
        with pytest.raises(JsonError, match=key):
            Calibration({k: v for k, v in FACTS.items() if k != key})


def summary(seed=0, n=400):
    """Of two breasts an exam, whose model is too sure."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1, n)
    labels = (rng.uniform(size=n) < expit(truth)).astype(int)
    samples = dict(
        label=labels.tolist(),
        score=expit(3 * truth).tolist(),
        patient=(np.arange(n) // 4).tolist(),
        exam=(np.arange(n) // 2).tolist(),
    )
    return dict(samples=samples)


@pytest.mark.parametrize('method', ['temperature', 'isotonic'])
def test_fit(method):
    found = fit_score(summary(), method)
    if method == 'temperature':
        assert found['parameters']['temperature'] == pytest.approx(3, rel=0.25)
    assert found['brier'][1] < found['brier'][0] and found['ece'][1] < found['ece'][0]
    assert (found['samples'], found['patients'], found['warning']) == (400, 100, '')


def test_fit_of_detections():
    """Each by itself, owned by the patient of its image."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 300)
    found = fit_score(
        dict(
            samples=dict(patient=[0, 0, 1, 2]),
            detections=dict(
                image=rng.integers(0, 4, 300).tolist(),
                score=scores.tolist(),
                label=(rng.uniform(size=300) < scores / 2).astype(int).tolist(),
            ),
        ),
        'isotonic',
    )
    assert (found['samples'], found['patients']) == (300, 3)
    assert found['warning'] == 'few cases: 3 positive and 3 negative patients'


def test_point_of_exams():
    """An exam is as its worse breast; images that say nothing do not count."""
    samples = dict(
        label=[0, 1, 0, 0, None, 0],
        score=[0.1, 0.7, 0.4, 0.2, 0.9, 0.6],
        patient=[0, 0, 1, 1, 2, 2],
        exam=[0, 0, 1, 1, 2, 3],
    )
    found = choose_point(dict(samples=samples), 'sensitivity', 1.0, 0)
    assert (found['samples'], found['positives']) == (3, 1)
    assert (found['threshold'], found['specificity']) == (0.7, 1)
    chosen = choose_point(dict(samples=samples), 'chosen', 0.5, 0)
    assert chosen['specificity'] == 0.5
    with pytest.raises(ValueError, match='do not state their exam'):
        choose_point(dict(samples=dict(samples, exam=[None] * 6)), 'youden', None, 0)
    unmet = choose_point(dict(samples=samples), 'recall_rate', 0.1, 0)
    assert unmet['threshold'] is None
    assert 'calls any exam at recall-rate 0.1' in _lacking(unmet)
    assert not _lacking(chosen)
    samples['label'] = [0] * 6
    alone = choose_point(dict(samples=samples), 'youden', None, 0)
    assert '0 positive and 4 negative exams; it needs both' in _lacking(alone)
    assert _lacking(alone).endswith('to a part that has lesions that the model finds')


@pytest.mark.parametrize(
    'label, counts, part',
    [
        (0, '0 positive and 400 negative samples', 'lesions that the model finds'),
        (1, '400 positive and 0 negative samples', 'exams without lesions'),
    ],
)
def test_a_part_of_one_class(label, counts, part, monkeypatch):
    found = summary()
    found['samples']['label'] = [label] * 400
    monkeypatch.setattr(
        calibrating,
        'predict_samples',
        lambda *_: (dict(malignancy=found), ['val.json']),
    )
    with pytest.raises(ConfigError) as error:
        calibrating.calibrate(Config(), [], None, None, 'temperature', 'youden', None)
    said = str(error.value)
    assert said.startswith(f'val.json: malignancy: {counts}')
    assert said.endswith(
        'uses the validation part: set val_dataloader.dataset.ann_file to a part that '
        f'has {part}'
    )
