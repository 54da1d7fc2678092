"""FROCMetric through MMEngine's evaluator, against the brute-force loops."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.evaluation.metrics import FROCMetric
from mammo_plugins.registry import METRICS, TRANSFORMS

sys.path.insert(0, str(Path(__file__).parent))
import froc_reference as reference
from froc_reference import Image

A, B, OFF = (0, 0, 10, 10), (50, 0, 60, 10), (0, 50, 10, 60)


def instances(boxes, labels=None, scores=None, **fields):
    data = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4),
        labels=torch.tensor(labels or [0] * len(boxes)),
        **fields,
    )
    if scores is not None:
        data.scores = torch.tensor(scores, dtype=torch.float64)
    return data


def to_sample(image, index, **meta):
    sample = DetDataSample(metainfo=dict(img_id=index, ori_shape=(100, 100), **meta))
    sample.pred_instances = instances(
        [b for b, _ in image.detections], scores=[s for _, s in image.detections]
    )
    sample.gt_instances = instances(image.lesions)
    sample.ignored_instances = instances(image.ignored)
    return sample


def evaluate(samples, classes=('mass',), **options):
    evaluator = Evaluator(dict(type='mammo.FROCMetric', **options))
    evaluator.dataset_meta = dict(classes=classes)
    for start in range(0, len(samples), 3):  # uneven batches
        evaluator.process(samples[start : start + 3])
    return evaluator.evaluate(len(samples))


def random_images(n=40):
    rng = np.random.default_rng(3)

    def boxes(count):
        corner = rng.integers(0, 30, (count, 2))
        size = rng.integers(5, 30, (count, 2))
        return [tuple(map(float, b)) for b in np.hstack([corner, corner + size])]

    return [
        Image(
            f'p{i // 4}',
            [(b, rng.integers(20) / 20) for b in boxes(4)],
            boxes(i % 3),
            boxes(1) if i % 5 == 0 else [],
        )
        for i in range(n)
    ]


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_equals_brute_force():
    images = random_images()
    samples = [to_sample(im, i, patient_id=im.patient) for i, im in enumerate(images)]
    got = evaluate(samples, iou_thr=0.3, fppi=(0.5, 1, 2.25), n_bootstrap=30)
    points = reference.curve(images, 0.3)
    normals = reference.curve(images, 0.3, normals_only=True)
    for fppi in (0.5, 1.0, 2.25):
        recall = got[f'froc/recall@{fppi}']
        assert recall == reference.recall_at(points, fppi)
        assert got[f'froc/recall@{fppi}_normals'] == reference.recall_at(normals, fppi)
        low, high = (got[f'froc/recall@{fppi}_{end}'] for end in ('low', 'high'))
        assert low <= recall <= high and low < high
    assert got['froc/max_recall'] == points[-1][1]
    assert got['froc/max_fppi'] == points[-1][2]
    assert got['froc/n_images'] == 40
    assert got['froc/n_lesions'] == sum(len(im.lesions) for im in images)
    assert 0 < got['froc/recall@1.0'] < 1  # the case is not trivial


@pytest.mark.parametrize(
    'flags, expected',
    [((), (np.nan, 2)), ((0,), (1, 1)), ((1,), (np.nan, 1)), ((0, 1), (1, 0))],
)
def test_samples_as_the_pipeline_packs_them(flags, expected):
    """Normal images keep their (empty) boxes; crowd regions are ignored."""
    boxes = [A, B]
    results = dict(
        img=np.zeros((100, 100, 3), np.float32),
        img_shape=(100, 100),
        ori_shape=(100, 100),
        img_id=1,
        patient_id='p',
        instances=[
            dict(bbox=list(box), bbox_label=0, ignore_flag=flag)
            for box, flag in zip(boxes, flags)
        ],
    )
    for transform in (
        dict(type='mmdet.LoadAnnotations', with_bbox=True),
        dict(
            type='mmdet.PackDetInputs', meta_keys=('img_id', 'patient_id', 'ori_shape')
        ),
    ):
        results = TRANSFORMS.build(transform)(results)
    sample = results['data_samples']
    sample.pred_instances = instances(boxes, scores=[0.9, 0.8])
    got = evaluate([sample], n_bootstrap=0)
    np.testing.assert_equal((got['froc/max_recall'], got['froc/max_fppi']), expected)


def test_padding_of_the_last_batch_is_cut():
    images = [Image('p', [(A, 0.9)], [A]), Image('q', [(OFF, 0.8)], [B])]
    samples = [to_sample(im, i, patient_id=im.patient) for i, im in enumerate(images)]
    metric = METRICS.build(dict(type='FROCMetric', n_bootstrap=0))
    metric.process({}, [s.to_dict() for s in [*samples, samples[0]]])
    got = metric.evaluate(2)
    assert got['froc/n_images'] == 2 and got['froc/recall@2.0'] == 0.5
    assert 'froc/recall@2.0_low' not in got


def test_patients_and_not_images_are_resampled(log):
    images = [
        Image(p, [(A, 0.9)] if p == 'a' else [], [A]) for p in 'aabb' for _ in range(10)
    ]
    by_patient = evaluate(
        [to_sample(im, i, patient_id=im.patient) for i, im in enumerate(images)]
    )
    assert by_patient['froc/recall@1.0_low'] == 0
    assert by_patient['froc/recall@1.0_high'] == 1
    by_image = evaluate([to_sample(im, i) for i, im in enumerate(images)])
    assert 0 < by_image['froc/recall@1.0_low'] < 0.5
    assert "resamples images, not patients: 40 of 40 have no 'patient_id'" in log.text


def test_one_patient_has_no_interval_and_the_log_says_so(log, tmp_path):
    """Four views of one patient, one lesion missed: all draws are the same."""
    samples = [
        to_sample(Image('p', [(A, 0.9)], [A if i else B]), i, patient_id='p')
        for i in range(4)
    ]
    got = evaluate(samples, out_dir=str(tmp_path))
    assert got['froc/recall@1.0'] == 0.75
    assert np.isnan(got['froc/recall@1.0_low']) and np.isnan(
        got['froc/recall@1.0_high']
    )
    assert 'no CI: only 1 of the patients has a lesion, an interval needs two' in (
        log.text
    )
    assert '0.750   -' in log.text and 'bootstrap draws' not in log.text
    kept = json.loads((tmp_path / 'froc.json').read_text())
    assert kept['band']['low'][0] is None and kept['draws'][0] == [None] * 3
    # a second patient, and there is one
    samples.append(to_sample(Image('q', [(A, 0.9)], [A]), 4, patient_id='q'))
    got = evaluate(samples)
    assert got['froc/recall@1.0_low'] == 0.75 and got['froc/recall@1.0_high'] == 1


def test_the_rule_is_logged_beside_the_numbers(log):
    evaluate(
        [
            to_sample(Image(name, [(A, 0.9)], [A]), i, patient_id=name)
            for i, name in enumerate(('SECRET', 'p'))
        ]
    )
    evaluate([to_sample(Image('p', [(A, 0.9)], []), 0, patient_id='p')])
    for text in (
        'IoU > 0.2',
        'bootstrap draws of patients',
        'normals included',
        '[1.000, 1.000]',
        'froc: no lesions, recall is not defined',
    ):
        assert text in log.text
    assert 'SECRET' not in log.text


def test_no_lesions_gives_nan():
    got = evaluate([to_sample(Image('p', [(A, 0.9)], []), 0, patient_id='p')])
    assert np.isnan(got['froc/recall@1.0']) and got['froc/max_fppi'] == 1
    assert got['froc/n_normals'] == 1


def class_sample():
    sample = to_sample(
        Image('p', [(A, 0.9), (B, 0.8), (OFF, 0.7)], [A, B]), 0, patient_id='p'
    )
    sample.pred_instances.labels = torch.tensor([0, 0, 1])
    sample.gt_instances.labels = torch.tensor([0, 1])
    return sample


def test_classes_pooled_and_by_themselves(tmp_path):
    got = evaluate(
        [class_sample()],
        classes=('mass', 'calcification'),
        fppi=(0, 1),
        n_bootstrap=0,
        out_dir=str(tmp_path),
    )
    assert got['froc/recall@0.0'] == 1  # whatever the label
    assert got['froc/mass/recall@0.0'] == 1
    assert got['froc/mass/max_fppi'] == 1  # a mass on the calcification
    assert got['froc/calcification/max_recall'] == 0
    assert got['froc/calcification/n_lesions'] == 1
    written = json.loads((tmp_path / 'froc.json').read_text())
    assert set(written['classes']) == {'mass', 'calcification'}
    assert written['classes']['mass']['counts']['lesions'] == 1


def test_files(tmp_path):
    images = random_images(12)
    samples = [to_sample(im, i, patient_id=im.patient) for i, im in enumerate(images)]
    evaluate(
        samples,
        out_dir=str(tmp_path / 'new' / 'folder'),
        prefix='test/froc_0.5',
        iou_thr=0.5,
        n_bootstrap=10,
    )
    folder = tmp_path / 'new' / 'folder'
    assert sorted(p.name for p in folder.iterdir()) == [
        'test_froc_0.5.json',
        'test_froc_0.5.png',
        'test_froc_0.5_reliability.png',
    ]
    written = json.loads((folder / 'test_froc_0.5.json').read_text())
    assert written['iou_thr'] == 0.5 and written['match'] == 'bbox'
    assert 'p1' not in json.dumps(written)  # no patient
    points = reference.curve(images, 0.5)
    for threshold, recall, fppi in zip(*written['curve'].values()):
        threshold = float('inf') if threshold is None else threshold
        assert (threshold, recall, fppi) in points
    assert written['curve']['recall'][-1] == points[-1][1]


def masks_of(boxes):
    masks = np.zeros((len(boxes), 100, 100), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes):
        mask[y1:y2, x1:x2] = 1
    return masks


def polygon(x1, y1, x2, y2):
    return [np.array([x1, y1, x2, y1, x2, y2, x1, y2], float)]


@pytest.mark.parametrize('kind', ['bitmap', 'polygon', 'tensor', 'array'])
def test_masks_decide_where_asked(kind):
    """Boxes agree and masks do not, and the other way round."""
    lesions = [(0, 0, 20, 20), (50, 50, 70, 70)]
    detected = [(0, 0, 20, 3), (50, 50, 70, 65)]
    truth = {
        'bitmap': lambda: BitmapMasks(masks_of(lesions), 100, 100),
        'polygon': lambda: PolygonMasks([polygon(*b) for b in lesions], 100, 100),
        'tensor': lambda: torch.from_numpy(masks_of(lesions)),
        'array': lambda: masks_of(lesions),
    }[kind]()
    sample = to_sample(Image('p', [], []), 0, patient_id='p')
    sample.gt_instances = instances([*lesions[:1], OFF], masks=truth)
    sample.pred_instances = instances(
        lesions, scores=[0.9, 0.8], masks=torch.from_numpy(masks_of(detected)).bool()
    )
    by_box = evaluate([sample], fppi=(0,), n_bootstrap=0)
    by_mask = evaluate([sample], fppi=(0,), n_bootstrap=0, match='mask')
    assert by_box['froc/recall@0.0'] == 0.5
    assert by_mask['froc/recall@0.0'] == 0  # a false positive comes first
    assert by_mask['froc/max_recall'] == 0.5


def test_small_mask_in_a_wide_ignored_mask():
    small, wide = [(50, 50, 55, 55)], [(40, 40, 90, 90)]
    sample = to_sample(Image('p', [], []), 0, patient_id='p')
    sample.pred_instances = instances(small, scores=[0.9], masks=masks_of(small))
    sample.ignored_instances = instances(wide, masks=masks_of(wide))
    assert evaluate([sample], match='mask')['froc/max_fppi'] == 0


def test_predictions_in_bfloat16():
    sample = to_sample(Image('p', [(A, 0.5)], [A]), 0, patient_id='p')
    sample.pred_instances.scores = sample.pred_instances.scores.bfloat16()
    sample.pred_instances.bboxes = sample.pred_instances.bboxes.bfloat16()
    assert evaluate([sample])['froc/recall@1.0'] == 1


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda s: s.__delattr__('pred_instances'), 'no boxes in pred_instances'),
        (
            lambda s: setattr(s, 'gt_instances', InstanceData()),
            r'no boxes in gt_instances; .*LoadAnnotations',
        ),
        (
            lambda s: setattr(
                s.pred_instances, 'bboxes', torch.full((1, 4), float('nan'))
            ),
            'no NaN',
        ),
        (
            lambda s: setattr(
                s.pred_instances, 'scores', torch.full((1,), float('nan'))
            ),
            'score of NaN',
        ),
    ],
)
def test_errors_name_the_image_and_the_cure(change, message):
    sample = to_sample(Image('p', [(A, 0.5)], [A]), 7, patient_id='p')
    change(sample)
    with pytest.raises(ValueError, match='image 7: .*' + message):
        evaluate([sample])


@pytest.mark.parametrize(
    'box, warned',
    [((0, 0, 150, 90), True), ((-5, 0, 50, 90), True), ((0, 0, 100.5, 90), False)],
)
def test_lesions_that_reach_outside_are_said_once(log, box, warned):
    samples = [
        to_sample(Image('p', [(A, 0.5)], [A]), i, patient_id='p') for i in range(3)
    ]
    for sample in samples:
        sample.gt_instances = instances([box])
    evaluate(samples)
    assert log.text.count('load the annotations after Resize') == warned


def test_masks_that_are_missing():
    sample = to_sample(Image('p', [(A, 0.5)], [A]), 7, patient_id='p')
    with pytest.raises(ValueError, match='predictions have no masks'):
        evaluate([sample], match='mask')


@pytest.mark.parametrize(
    'options',
    [
        dict(match='box'),
        dict(iou_thr=1.0),
        dict(iou_thr=-0.1),
        dict(fppi=()),
        dict(fppi=(-1,)),
        dict(n_bootstrap=-1),
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        METRICS.build(dict(type='FROCMetric', **options))


def test_detections_outside_the_breast_are_left_out_and_counted():
    """As if they were not there, hits and false positives alike."""
    frame = CanonicalFrame(
        100,
        100,
        (0, 0, 100, 100),
        False,
        outline=((0.0, 0.0), (40.0, 0.0), (40.0, 100.0), (0.0, 100.0)),
    ).to_dict()
    beside = (50, 80, 58, 88), (90, 0, 98, 8)
    lesions = [A, (60, 0, 70, 10)]  # annotated wrongly: no detection finds it
    whole = [
        Image(
            lesions=lesions,
            detections=[
                (A, 0.9),
                ((60, 0, 70, 10), 0.8),
                *((box, 0.95) for box in beside),
            ],
            patient='a',
        ),
        Image(lesions=[], detections=[(OFF, 0.5), (beside[0], 0.7)], patient='a'),
    ]
    without = [
        Image(lesions=lesions, detections=[(A, 0.9)], patient='a'),
        Image(lesions=[], detections=[(OFF, 0.5)], patient='a'),
    ]
    options = dict(patient_id='a', canonical_frame=frame)
    found = evaluate(
        [to_sample(image, i, **options) for i, image in enumerate(whole)], n_bootstrap=0
    )
    expected = evaluate(
        [to_sample(image, i, **options) for i, image in enumerate(without)],
        n_bootstrap=0,
    )
    assert found.pop('froc/n_outside') == 4
    assert expected.pop('froc/n_outside') == 0
    assert found == expected
    assert found['froc/max_recall'] == 0.5 and found['froc/max_fppi'] == 0.5


def test_outside_the_breast_of_each_class(tmp_path):
    frame = CanonicalFrame(
        100,
        100,
        (0, 0, 100, 100),
        False,
        outline=((0.0, 0.0), (40.0, 0.0), (40.0, 100.0), (0.0, 100.0)),
    ).to_dict()
    sample = DetDataSample(metainfo=dict(img_id=0, canonical_frame=frame))
    sample.pred_instances = instances(
        [A, OFF, (90, 0, 98, 8), (90, 50, 98, 58)], [0, 1, 1, 1], [0.9, 0.8, 0.7, 0.6]
    )
    sample.gt_instances = instances([A, OFF], [0, 1])
    evaluate([sample], ('mass', 'calcification'), n_bootstrap=0, out_dir=str(tmp_path))
    summary = json.loads((tmp_path / 'froc.json').read_text())
    assert summary['counts']['outside_breast'] == 2
    assert summary['counts']['detections'] == 2
    assert [
        summary['classes'][name]['counts']['outside_breast']
        for name in ('mass', 'calcification')
    ] == [0, 2]


def test_the_file_keeps_images_and_detections(tmp_path):
    """Who belongs together, not who it is; detections where they are asked for."""
    images = [
        Image('secret', [(A, 0.9), (OFF, 0.3)], [A], []),
        Image('secret', [(B, 0.6), (OFF, 0.2)], [], [B]),
        Image('other', [], [], []),
    ]
    samples = [
        to_sample(im, 7 + i, patient_id=im.patient, exam_id=f'x{i // 2}')
        for i, im in enumerate(images)
    ]
    evaluate(samples, n_bootstrap=0, out_dir=str(tmp_path), keep_detections=True)
    text = (tmp_path / 'froc.json').read_text()
    found = json.loads(text)
    assert 'secret' not in text
    assert found['samples'] == dict(
        label=[1, None, 0],  # of the second nothing is known but what to ignore
        score=[0.9, 0.6, 0],
        images=[[7], [8], [9]],
        patient=[1, 1, 0],
        exam=[0, 0, 1],
    )
    assert found['detections'] == dict(
        image=[0, 0, 1], score=[0.9, 0.3, 0.2], label=[1, 0, 0]
    )
    evaluate(samples, n_bootstrap=0, out_dir=str(tmp_path))
    assert 'detections' not in json.loads((tmp_path / 'froc.json').read_text())


def test_calibration_of_detections(tmp_path):
    """Each detection on a lesion is positive; those on ignored regions do not count."""
    images = [
        Image('a', [(A, 0.9), (A, 0.8), (OFF, 0.3)], [A], []),
        Image('b', [(B, 0.6), (OFF, 0.2)], [], [B]),
    ]
    samples = [to_sample(im, i, patient_id=im.patient) for i, im in enumerate(images)]
    got = evaluate(samples, n_bootstrap=0, out_dir=str(tmp_path))
    found = json.loads((tmp_path / 'froc.json').read_text())
    expected = (0.1**2 + 0.2**2 + 0.3**2 + 0.2**2) / 4
    assert got['froc/brier'] == pytest.approx(expected)
    assert found['calibration']['brier']['value'] == pytest.approx(expected)
    assert found['calibration']['ece']['value'] == pytest.approx(0.2)
    assert found['calibrated'] is None and 'froc/brier_calibrated' not in got
    metric = FROCMetric(n_bootstrap=0, out_dir=str(tmp_path))
    metric.dataset_meta = {}
    metric.calibrator = partial(np.multiply, 0.5)
    metric.process(None, [sample.to_dict() for sample in samples])
    got = metric.evaluate(len(samples))
    expected = (0.55**2 + 0.6**2 + 0.15**2 + 0.1**2) / 4
    assert got['froc/brier_calibrated'] == pytest.approx(expected)
    none = [to_sample(Image('a', [], [A], []), 0, patient_id='a')]
    assert 'froc/brier' not in evaluate(none, n_bootstrap=0)
