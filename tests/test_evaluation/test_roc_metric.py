"""ROCMetric and MalignancyMetric on data samples, as the evaluator calls them."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpretrain.structures import DataSample
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

from mammo_plugins.engine.hooks import EvaluationOutputHook
from mammo_plugins.evaluation.metrics import MalignancyMetric, ROCMetric, ViewROCMetric
from mammo_plugins.io import JsonError
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


def classified(score, label=None, patient='p'):
    sample = DataSample(metainfo=dict(img_id=1))
    if patient is not None:
        sample.set_metainfo(dict(patient_id=patient))
    sample.set_pred_score(torch.tensor([1 - score, score]))
    return sample if label is None else sample.set_gt_label(label)


def evaluate(metric, samples):
    evaluator = Evaluator([metric])
    evaluator.process(data_samples=samples, data_batch=None)
    return evaluator.evaluate(len(samples))


def test_figures_and_files(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    scores = np.clip(0.3 * labels + rng.uniform(0, 0.7, 40), 0, 1)
    samples = [
        classified(s, int(y), f'p{i // 3}')
        for i, (s, y) in enumerate(zip(scores, labels))
    ]
    samples.append(classified(0.3))  # no label: not counted
    metric = ROCMetric(
        n_bootstrap=50,
        out_dir=str(tmp_path),
        prefix='breast',
        class_names=('normal', 'abnormal'),
        operating_points=[('threshold', 0.5), ('youden', None)],
    )
    found = evaluate(metric, samples)
    assert found['breast/auc'] == pytest.approx(roc_auc_score(labels, scores))
    assert found['breast/auc_low'] < found['breast/auc'] < found['breast/auc_high']
    assert found['breast/n_samples'] == 40
    assert found['breast/n_positives'] == labels.sum()
    assert found['breast/sensitivity@threshold=0.5'] == pytest.approx(
        (scores[labels == 1] >= 0.5).mean()
    )
    assert 'breast/macro_f1@youden' in found
    kept = json.loads((tmp_path / 'breast.json').read_text())
    assert kept['class_names'] == ['normal', 'abnormal']
    assert kept['counts']['resampling_units'] == 14
    assert 'patient_id' not in json.dumps(kept)
    assert Image.open(tmp_path / 'breast.png').size[0] > 300


def test_a_threshold_of_another_part(tmp_path):
    """At 0.5 nothing is called: macro F1 of a prevalence of 1 to 5 is 0.45."""
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(2):
        labels = np.repeat([0, 1], [50, 10])
        parts.append((labels, 0.1 * labels + rng.uniform(0, 0.3, 60)))
    chosen_on, tested = (
        [classified(s, int(y), f'p{i}') for i, (y, s) in enumerate(zip(*part))]
        for part in parts
    )
    evaluate(ROCMetric(out_dir=str(tmp_path / 'train'), n_bootstrap=0), chosen_on)
    file = tmp_path / 'train/roc.json'
    threshold = json.loads(file.read_text())['best_macro_f1_threshold']
    found = evaluate(
        ROCMetric(threshold_from=str(file), n_bootstrap=20, out_dir=str(tmp_path)),
        tested,
    )
    assert found['roc/macro_f1@threshold=0.5'] == pytest.approx(0.4545, abs=1e-3)
    assert found['roc/macro_f1@chosen'] == pytest.approx(
        f1_score(parts[1][0], np.float32(parts[1][1]) >= threshold, average='macro')
    )
    kept = json.loads((tmp_path / 'roc.json').read_text())
    point = kept['operating_points'][-1]
    assert (point['rule'], point['value']) == ('chosen', threshold)
    assert point['chosen_on'] is None and kept['part'] is None  # nobody said
    assert len(point['macro_f1_draws']) == 20


def evaluate_on(ann_file, labels, score=0.6, **settings):
    """Test a part as a runner does, whose hook tells the annotation files."""
    metric = ROCMetric(n_bootstrap=0, **settings)
    evaluator = SimpleNamespace(metrics=[metric])
    data = SimpleNamespace(
        dataset=SimpleNamespace(
            datasets=[
                SimpleNamespace(ann_file='other.json'),
                SimpleNamespace(dataset=SimpleNamespace(ann_file=str(ann_file))),
            ]
        )
    )
    EvaluationOutputHook().before_test(
        SimpleNamespace(
            work_dir='.',
            test_loop=SimpleNamespace(evaluator=evaluator, dataloader=data),
        )
    )
    return evaluate(
        metric,
        [classified(score * y + 0.01 * i, y, f'p{i}') for i, y in enumerate(labels)],
    )


def test_a_threshold_keeps_the_part_that_it_was_chosen_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in 'ab':
        Path(f'{name}.json').touch()
    Path('linked.json').symlink_to('a.json')
    evaluate_on('a.json', [0, 0, 1, 1], out_dir='train')
    file = 'train/roc.json'
    assert json.loads(Path(file).read_text())['part'] == ['other.json', 'a.json']
    # the very part, by its name, by another, in a data set of several, and a copy
    data = json.loads(Path(file).read_text())
    Path(file).write_text(json.dumps(dict(data, part=['a.json'])))
    for path, score in (
        ('a.json', 0.3),
        (tmp_path / 'a.json', 0.3),
        ('linked.json', 0.3),
        ('b.json', 0.60001),
    ):
        with pytest.raises(JsonError, match='was chosen on the part that is tested'):
            evaluate_on(path, [0, 0, 1, 1], score=score, threshold_from=file)
    # other scores, other labels of as many
    for change in (dict(score=0.65), dict(labels=[0, 1, 0, 1])):
        found = evaluate_on(
            'b.json',
            **dict(dict(labels=[0, 0, 1, 1]), **change),
            threshold_from=file,
            out_dir='test',
        )
        assert found['roc/macro_f1@chosen'] == 1
        kept = json.loads(Path('test/roc.json').read_text())
        assert kept['operating_points'][-1]['chosen_on'] == ['a.json']
        assert 'chosen_on' not in kept['operating_points'][0]


def test_parts_are_told_before_anything_is_scored(tmp_path):
    (tmp_path / 'roc.json').write_text(
        json.dumps(dict(best_macro_f1_threshold=0.5, part=['x/a.json']))
    )
    metric = ROCMetric(threshold_from=str(tmp_path / 'roc.json'))
    with pytest.raises(JsonError, match='x/a.json'):
        metric.evaluate_part(['x/../x/a.json'])
    metric.evaluate_part(['x/b.json'])


@pytest.mark.parametrize(
    'content, message',
    [
        (
            '{"best_macro_f1_threshold": 0.5, "curve": {"threshold": [1, "a"]}}',
            'not a file of ROCMetric',
        ),
        ('{"best_macro_f1_threshold": true}', 'best_macro_f1_threshold is True'),
        ('{"best_macro_f1_threshold": 0.5, "part": "a"}', "part is 'a'; expected"),
        (None, 'No such file'),
        ('[1', 'not a file of ROCMetric'),
        ('{}', 'best_macro_f1_threshold is None'),
        ('[]', 'not a file of ROCMetric'),
    ],
)
def test_files_without_a_threshold(content, message, tmp_path):
    path = tmp_path / 'roc.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        ROCMetric(threshold_from=str(path))


@pytest.mark.parametrize('samples', [[], [classified(0.3, 1)], [classified(0.3)]])
def test_without_both_classes(samples, tmp_path):
    found = evaluate(ROCMetric(out_dir=str(tmp_path)), samples or [classified(0.3)])
    assert math.isnan(found['roc/auc'])
    assert (tmp_path / 'roc.png').is_file()


def test_one_patient_has_no_interval_and_the_log_says_so(tmp_path):
    samples = [classified(0.1 + 0.2 * i, i % 2) for i in range(4)]
    metric = ROCMetric(out_dir=str(tmp_path), n_bootstrap=20)
    found = evaluate(metric, samples)
    assert found['roc/auc'] == 0.75
    assert math.isnan(found['roc/auc_low']) and math.isnan(found['roc/auc_high'])
    summary = json.loads((tmp_path / 'roc.json').read_text())
    assert (
        'AUC 0.7500, no CI: only 1 of the patients has a positive sample, an '
        'interval needs two; 2 positive'
    ) in metric._sentence(summary)
    samples = [classified(0.1 + 0.2 * i, i % 2, f'p{i}') for i in range(4)]
    found = evaluate(ROCMetric(n_bootstrap=20), samples)
    assert found['roc/auc_low'] <= 0.75 <= found['roc/auc_high']


def test_without_patients_samples_are_resampled(tmp_path):
    samples = [classified(0.1 * i, i % 2, patient=None) for i in range(8)]
    evaluate(ROCMetric(out_dir=str(tmp_path), n_bootstrap=5), samples)
    kept = json.loads((tmp_path / 'roc.json').read_text())
    assert kept['resampling_unit'] == 'samples (no patient_id)'
    assert kept['counts']['resampling_units'] == 8


@pytest.mark.parametrize(
    'sample, message',
    [
        (dict(gt_label=torch.tensor([1])), 'pred_score'),
        (dict(gt_label=torch.tensor([2]), pred_score=torch.zeros(3)), 'two classes'),
        (
            dict(gt_label=torch.tensor([1]), pred_score=torch.tensor([0.5, math.nan])),
            'diverged',
        ),
    ],
)
def test_mistakes_are_named(sample, message):
    with pytest.raises(ValueError, match=message):
        ROCMetric().process(None, [sample])


def detected(boxes, scores, malignancy, lesions=(), pathologies=(), **meta):
    sample = DetDataSample(
        metainfo=dict(
            img_id=1, patient_id='p', lesion_pathology=list(pathologies), **meta
        )
    )
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor(boxes).reshape(-1, 4).float(),
        scores=torch.tensor(scores),
        labels=torch.zeros(len(scores)).long(),
        malignancy=torch.tensor(malignancy),
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor(lesions).reshape(-1, 4).float(),
        labels=torch.zeros(len(lesions)).long(),
    )
    return sample


A, B, C = [0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]
SAMPLES = [
    detected(
        [A, B, C], [0.9, 0.8, 0.7], [0.8, 0.4, 0.9], [A, B], ['malignant', 'benign']
    ),
    detected([A, C], [0.6, 0.5], [0.5, 0.1], [A], [None]),
    detected([], [], []),
]


@pytest.mark.parametrize(
    'arguments, labels, scores',
    [
        (dict(), [1, 0, 0], [0.8, 0.4, 0.1]),
        (dict(max_detections=None), [1, 0, 0, 0], [0.8, 0.4, 0.9, 0.1]),
        (dict(max_detections=None, min_score=0.65), [1, 0, 0], [0.8, 0.4, 0.9]),
    ],
)
def test_detections_are_labelled_and_chosen(arguments, labels, scores):
    found = evaluate(MalignancyMetric(n_bootstrap=0, **arguments), SAMPLES)
    assert found['malignancy/n_samples'] == len(labels)
    assert found['malignancy/auc'] == pytest.approx(roc_auc_score(labels, scores))


def test_the_paper_counts_a_poor_box_on_cancer_as_not_malignant():
    sample = detected([[0, 0, 10, 4]], [0.9], [0.9], [A], ['malignant'])
    found = evaluate(MalignancyMetric(n_bootstrap=0), [sample])
    assert found['malignancy/n_positives'] == 0


def test_mistakes_in_detections():
    sample = detected([A], [0.9], [0.9], [A])  # a lesion without pathology entry
    with pytest.raises(ValueError, match='lesion_pathology'):
        MalignancyMetric().process(None, [sample.to_dict()])
    del sample.pred_instances.malignancy
    with pytest.raises(ValueError, match='malignancy classifier'):
        MalignancyMetric().process(None, [sample.to_dict()])


def pair(scores, labels, patient='p'):
    sample = MultiViewDataSample(metainfo=dict(patient_id=patient))
    for name, score, label in zip('RL', scores, labels):
        view = DetDataSample(metainfo=dict(gt_label=label))
        if score is not None:
            view.pred_score = torch.tensor([1 - score, score])
        sample.set_data({name: view})
    return sample


def test_each_view_counts():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (20, 2))
    scores = np.clip(0.3 * labels + rng.uniform(0, 0.7, (20, 2)), 0, 1)
    samples = [
        pair(s, y.tolist(), f'p{i}') for i, (s, y) in enumerate(zip(scores, labels))
    ]
    samples.append(pair([0.9, 0.2], [None, 0]))  # one side without a label
    found = evaluate(ViewROCMetric(n_bootstrap=20), samples)
    expected = roc_auc_score([*labels.ravel(), 0], [*scores.ravel(), 0.2])
    assert found['abnormal/auc'] == pytest.approx(expected, abs=1e-6)
    assert found['abnormal/n_samples'] == 41


def test_views_without_scores():
    with pytest.raises(ValueError, match='pred_score'):
        evaluate(ViewROCMetric(), [pair([None, None], [0, 1])])


def view(score, label, exam, side, patient='p', **meta):
    sample = classified(score, label, patient)
    sample.set_metainfo(dict(exam_id=exam, laterality=side, **meta))
    return sample


def test_pf1_by_breast(tmp_path):
    """Hand-computed: means 0.6 (cancer), 0.2 and 0.3; pTP 0.6, pFP 0.5, 1 positive."""
    samples = [
        view(0.8, 1, 'e1', 'L'),
        view(0.4, 1, 'e1', 'L'),
        view(0.1, 0, 'e1', 'R'),
        view(0.3, 0, 'e1', 'R'),
        view(0.3, 0, 'e2', 'L', 'q'),
    ]
    found = evaluate(ROCMetric(n_bootstrap=10, out_dir=str(tmp_path)), samples)
    assert found['roc/pf1'] == pytest.approx(1.2 / 2.1)
    assert found['roc/f1_best'] == 1
    assert found['roc/f1_best_threshold'] == pytest.approx(0.6)
    assert found['roc/n_breasts'] == 3 and found['roc/n_samples'] == 5
    assert math.isnan(found['roc/pf1_low'])  # one patient with cancer
    kept = json.loads((tmp_path / 'roc.json').read_text())
    assert kept['probabilistic_f1']['rule'] == 'mean'
    # of the highest: 0.8, 0.3 and 0.3
    found = evaluate(ROCMetric(n_bootstrap=0, breast_score='max'), samples)
    assert found['roc/pf1'] == pytest.approx(1.6 / 2.4)
    assert 'roc/pf1_low' not in found
    sentence = ROCMetric()._sentence(kept)
    assert 'pF1 by breast (mean of its scores; 1 of 3 positive): 0.5714' in sentence
    assert 'no CI: only 1 of the patients has a positive breast' in sentence


def test_pf1_has_an_interval_over_patients():
    rng = np.random.default_rng(3)
    samples = [
        view(
            float(np.clip(0.4 * (i % 3 == 0) + rng.uniform(0, 0.6), 0, 1)),
            int(i % 3 == 0),
            f'e{i}',
            'LR'[i % 2],
            f'p{i // 2}',
        )
        for i in range(40)
    ]
    found = evaluate(ROCMetric(n_bootstrap=60), samples)
    for name in ('pf1', 'f1_best'):
        assert (
            found[f'roc/{name}_low'] < found[f'roc/{name}'] < found[f'roc/{name}_high']
        )


def test_which_breast_a_sample_of_views_is_of():
    def several(names, exam='e1', **sides):
        sample = MultiViewDataSample(metainfo=dict(patient_id='p', exam_id=exam))
        sample.gt_label = torch.tensor([1])
        sample.pred_score = torch.tensor([0.4, 0.6])
        for name in names:
            sample.set_data(
                {name: DetDataSample(metainfo=dict(laterality=sides.get(name, 'L')))}
            )
        return sample

    def evaluated(*samples):
        return evaluate(ROCMetric(n_bootstrap=0), samples)

    breast = several(('CC', 'MLO'))
    other = several(('CC', 'MLO'), CC='R', MLO='R')
    assert evaluated(breast, other)['roc/n_breasts'] == 2
    assert evaluated(breast, breast)['roc/n_breasts'] == 1
    main = several(('main', 'bilateral'), bilateral='R')
    assert evaluated(breast, main)['roc/n_breasts'] == 1
    # an exam of both breasts has none, nor has one without any name
    both = several(('RCC', 'LCC'), RCC='R')
    assert 'roc/pf1' not in evaluated(breast, both)
    first, second = several(('CC',), exam=None), several(('CC',), exam=None)
    for number, sample in enumerate((first, second)):  # two exams of patient p
        sample.CC.set_metainfo(dict(exam_id=f'e{number}'))
    assert evaluated(first, second)['roc/n_breasts'] == 2
    nobody = several(('CC',), exam=None)
    assert evaluated(breast, nobody)['roc/n_breasts'] == 2  # of patient p
    nobody.set_metainfo(dict(patient_id=None))
    assert 'roc/pf1' not in evaluated(breast, nobody)
    assert 'roc/pf1' not in evaluated(breast, classified(0.3, 0))


def test_pf1_of_pairs_joins_the_projections():
    """DisAsymNet's samples: CC of both sides, MLO of both sides."""
    samples = []
    for scores in ((0.9, 0.1), (0.5, 0.3)):  # CC, then MLO: right, left
        sample = pair(scores, (1, 0))
        for name in 'RL':
            sample.get(name).set_metainfo(dict(exam_id='e1', laterality=name))
        samples.append(sample)
    found = evaluate(ViewROCMetric(n_bootstrap=0), samples)
    assert found['abnormal/n_breasts'] == 2
    assert found['abnormal/pf1'] == pytest.approx(2 * 0.7 / (0.7 + 0.2 + 1))


def test_patches_have_no_pf1():
    """What a detector missed is not among them."""
    patches = [view(0.8, 1, 'e', 'L', patch_box=(0, 0, 9, 9)), view(0.1, 0, 'e', 'R')]
    assert 'roc/pf1' not in evaluate(ROCMetric(n_bootstrap=0), patches)
    samples = [
        detected([A], [0.9], [0.9], [A], ['malignant'], exam_id='e', laterality='L')
    ]
    assert 'malignancy/pf1' not in evaluate(MalignancyMetric(n_bootstrap=0), samples)


def test_another_rule_for_breasts_is_refused():
    with pytest.raises(ValueError, match="breast_score is 'median'"):
        ROCMetric(breast_score='median')


def test_the_file_keeps_samples_and_calibration(tmp_path):
    """Names of patients and exams become numbers; images are those of the views."""
    labels, scores = [0, 1, 1, 0], [0.125, 0.875, 0.625, 0.25]
    samples = []
    for i, (label, score) in enumerate(zip(labels, scores)):
        sample = MultiViewDataSample(
            metainfo=dict(patient_id=f'secret{i // 2}', exam_id='visit')
        )
        for k, name in enumerate(('CC', 'MLO')):
            sample.set_data({name: DetDataSample(metainfo=dict(img_id=10 * i + k))})
        sample.gt_label = torch.tensor([label])
        sample.pred_score = torch.tensor([1 - score, score])
        samples.append(sample)
    metric = ROCMetric(n_bootstrap=10, out_dir=str(tmp_path), prefix='breast')
    metric.calibrator = lambda p: p**2
    found = evaluate(metric, samples)
    text = (tmp_path / 'breast.json').read_text()
    kept = json.loads(text)
    assert 'secret' not in text and 'visit' not in text
    assert kept['samples'] == dict(
        label=labels,
        score=scores,
        patient=[0, 0, 1, 1],
        exam=[0] * 4,
        images=[[0, 1], [10, 11], [20, 21], [30, 31]],
    )
    brier = [np.mean((np.array(scores) ** k - labels) ** 2) for k in (1, 2)]
    assert [found['breast/brier'], found['breast/brier_calibrated']] == (
        pytest.approx(brier)
    )
    assert kept['calibrated']['brier']['value'] == pytest.approx(brier[1])
    point = kept['operating_points'][1]
    assert point['rule'] == 'specificity' and point['sensitivity'] == 1
    assert point['sensitivity_low'] <= 1 and point['warning'].startswith('few cases')
    assert Image.open(tmp_path / 'breast_reliability.png').size[0] > 300


def test_scores_that_are_no_probabilities(tmp_path):
    samples = [classified(s, y, f'p{s}') for s, y in ((-2.0, 0), (3.0, 1))]
    found = evaluate(ROCMetric(n_bootstrap=0, out_dir=str(tmp_path)), samples)
    assert 'roc/brier' not in found
    assert json.loads((tmp_path / 'roc.json').read_text())['calibration'] is None
    assert not (tmp_path / 'roc_reliability.png').exists()
