"""WeakLocalizationMetric on data samples, as the evaluator calls it."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from sklearn.metrics import f1_score, jaccard_score

from mammo_plugins.evaluation.metrics import WeakLocalizationMetric
from mammo_plugins.evaluation.metrics.weak_localization_metric import interval_sentence
from mammo_plugins.registry import METRICS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

H, W = 8, 6
LEFT, RIGHT = (0, 0, 2, 4), (4, 0, 6, 4)  # boxes of 8 pixels


def region(*boxes):
    mask = np.zeros((H, W), np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = 1
    return mask


def polygon(x1, y1, x2, y2):
    return [np.array([x1, y1, x2, y1, x2, y2, x1, y2], float)]


def instances(boxes, masks=None):
    found = InstanceData(bboxes=torch.tensor(boxes).reshape(-1, 4).float())
    if masks is not None:
        found.masks = masks
    return found


def image(
    hot=(), lesions=(), ignored=(), masks=None, patient='p', name='a.png', **meta
):
    """A view whose heat map is 0.9 in some boxes and 0.1 elsewhere."""
    meta = dict(dict(img_path=name, img_shape=(H, W)), **meta)
    if patient is not None:
        meta['patient_id'] = patient
    sample = DetDataSample(metainfo=meta)
    sample.heat_map = torch.tensor(0.1 + 0.8 * region(*hot)).float()
    sample.gt_instances = instances(lesions, masks)
    sample.ignored_instances = instances(ignored)
    return sample


def pair(**views):
    sample = MultiViewDataSample(metainfo=dict(exam_id='e', patient_id='q'))
    sample.set_data(views)
    return sample


def evaluate(samples, **arguments):
    evaluator = Evaluator(
        [WeakLocalizationMetric(**dict(dict(n_bootstrap=0), **arguments))]
    )
    evaluator.process(data_samples=samples, data_batch=None)
    return evaluator.evaluate(len(samples))


def figures(samples, **arguments):
    found = evaluate(samples, **arguments)
    return [found[f'localization/{name}'] for name in ('iou', 'ior', 'iod', 'dice')]


def test_by_hand():
    whole = image(hot=[(0, 0, 2, 8)], lesions=[LEFT])  # 8 of 16 pixels
    missed = image(hot=[RIGHT], lesions=[LEFT])
    assert figures([whole]) == [0.5, 1, 0.5, 16 / 24]
    found = evaluate([whole, missed])
    assert found['localization/iou'] == 0.25
    # above 0.1 to 0.4, not above 0.5: half of the images, at 4 of 7 thresholds
    assert found['localization/mean_tiou'] == pytest.approx(0.5 * 4 / 7)
    assert found['localization/mean_tior'] == 0.5
    assert found['localization/mean_tiod'] == pytest.approx(0.5 * 2 / 5)


def test_all_lesions_of_an_image_together():
    assert figures([image(hot=[LEFT], lesions=[LEFT, RIGHT])]) == [0.5, 0.5, 1, 16 / 24]


def test_normal_images_do_not_count():
    hit, normal = image(hot=[LEFT], lesions=[LEFT]), image(hot=[RIGHT])
    found = evaluate([hit, normal, normal])
    assert found['localization/iou'] == 1
    assert found['localization/n_images'] == 3
    assert found['localization/n_abnormal'] == 1


@pytest.mark.parametrize(
    'samples', [[image(hot=[LEFT])], [image(hot=[LEFT], ignored=[LEFT])]]
)
def test_without_a_lesion_figures_are_nan(samples, tmp_path):
    found = evaluate(samples, n_bootstrap=5, out_dir=str(tmp_path))
    assert all(math.isnan(value) for name, value in found.items() if '/n_' not in name)
    assert found['localization/n_abnormal'] == 0
    assert (tmp_path / 'localization.json').is_file()


def test_both_views_of_a_pair_count_and_a_missing_one_does_not():
    hit, missed = image(hot=[LEFT], lesions=[LEFT]), image(lesions=[LEFT])
    assert figures([pair(R=hit, L=missed)])[0] == 0.5
    assert figures([pair(L=missed)])[0] == 0
    single = evaluate([pair(R=hit, L=missed), hit])
    assert single['localization/iou'] == pytest.approx(2 / 3)
    assert single['localization/n_images'] == 3
    assert figures([pair(main=hit, bilateral=missed)], views=['main'])[0] == 1


@pytest.mark.parametrize(
    'masks',
    [
        BitmapMasks(np.stack([region(LEFT), region(RIGHT)]), H, W),
        PolygonMasks([polygon(*LEFT), polygon(*RIGHT)], H, W),
        torch.tensor(np.stack([region(LEFT), region(RIGHT)])).bool(),
    ],
)
def test_masks_go_before_boxes(masks):
    sample = image(hot=[LEFT, RIGHT], lesions=[(0, 0, 6, 8)] * 2, masks=masks)
    assert figures([sample]) == [1, 1, 1, 1]


def test_a_box_stands_in_for_an_empty_mask():
    masks = BitmapMasks(np.stack([region(LEFT), region()]), H, W)
    sample = image(hot=[LEFT, RIGHT], lesions=[(0, 0, 6, 8), RIGHT], masks=masks)
    assert figures([sample]) == [1, 1, 1, 1]


def test_ignored_lesions():
    sample = image(hot=[LEFT, RIGHT], lesions=[LEFT], ignored=[RIGHT])
    assert figures([sample]) == [1, 1, 1, 1]
    found = evaluate([sample, image(hot=[LEFT], ignored=[RIGHT])])
    assert found['localization/n_abnormal'] == 1
    # a lesion goes before an ignored region
    assert figures([image(hot=[LEFT], lesions=[LEFT], ignored=[LEFT])])[1] == 1


@pytest.mark.parametrize('value', [0.0, 0.7])
def test_constant_heat_map_detects_nothing(value):
    sample = image(lesions=[LEFT])
    sample.heat_map = torch.full((H, W), value)
    assert figures([sample]) == [0, 0, 0, 0]
    assert figures([sample], cam_rule='absolute', cam_threshold=0.5)[1] == (value > 0.5)


def test_a_lesion_outside_the_image_is_missed():
    sample = image(hot=[LEFT], lesions=[(20, 20, 30, 30)])
    found = evaluate([sample])
    assert found['localization/iou'] == found['localization/ior'] == 0
    assert found['localization/n_abnormal'] == 1


def test_random_masks_against_scikit_learn(tmp_path):
    rng = np.random.default_rng(0)
    samples, ious, dices = [], [], []
    for i in range(24):
        lesion, heat = rng.random((H, W)) < 0.4, rng.random((H, W))
        sample = image(
            lesions=[(0, 0, W, H)],
            patient=f'p{i // 3}',
            masks=BitmapMasks(lesion[None].astype(np.uint8), H, W),
        )
        sample.heat_map = torch.tensor(heat).to(torch.bfloat16)
        hot = sample.heat_map.double().numpy() >= 0.5
        ious.append(jaccard_score(lesion.ravel(), hot.ravel()))
        dices.append(f1_score(lesion.ravel(), hot.ravel()))
        samples.append(sample)
    found = evaluate(
        samples,
        cam_rule='absolute',
        cam_threshold=0.5,
        n_bootstrap=50,
        out_dir=str(tmp_path),
        prefix='cam/abnormal',
    )
    assert found['cam/abnormal/iou'] == pytest.approx(np.mean(ious))
    assert found['cam/abnormal/dice'] == pytest.approx(np.mean(dices))
    assert (
        found['cam/abnormal/iou_low'] < np.mean(ious) < found['cam/abnormal/iou_high']
    )
    kept = json.loads((tmp_path / 'cam_abnormal.json').read_text())
    assert kept['counts']['resampling_units'] == 8
    assert kept['heat_map'] == dict(rule='absolute', threshold=0.5)
    assert 'at least 0.5' in kept['rule']
    assert '"p1"' not in json.dumps(kept)


def test_other_thresholds_and_maxima_are_in_the_report(tmp_path):
    """A large lesion that the map rises to from 0.5 at its rim to 1 within."""
    wide = image(lesions=[LEFT])
    wide.heat_map[:4, :2] = torch.tensor([0.55, 1.0]).expand(4, 2)
    missed = image(hot=[RIGHT], lesions=[LEFT], patient='q')
    normal = image(hot=[RIGHT])
    found = evaluate(
        [wide, missed, normal],
        out_dir=str(tmp_path),
        n_bootstrap=9,
        sweep_thresholds=(0.49, 0.7, 0.9),
    )
    assert found['localization/max_hit'] == 0.5
    assert found['localization/max_hit_low'] <= 0.5
    kept = json.loads((tmp_path / 'localization.json').read_text())
    assert kept['figures']['max_hit']['value'] == 0.5
    assert [(p['threshold'], p['iou'], p['ior'], p['iod']) for p in kept['sweep']] == [
        (0.49, 0.5, 0.5, 0.5),
        (0.7, 0.25, 0.25, 0.5),
        (0.9, 0.25, 0.25, 0.5),
    ]
    assert kept['heat_map']['threshold'] == pytest.approx(0.469, abs=1e-3)
    default = WeakLocalizationMetric()
    assert min(default.sweep_thresholds) == 0.47
    assert max(default.sweep_thresholds) == 0.9


def test_the_sweep_goes_by_the_rule():
    sample = image(hot=[LEFT], lesions=[LEFT])
    metric = WeakLocalizationMetric(
        cam_rule='absolute', cam_threshold=0.5, sweep_thresholds=(0.05, 0.95)
    )
    metric.process(None, [sample.to_dict()])
    (result,) = metric.results[0]
    assert [overlap.iou for overlap in result.sweep] == [8 / 48, 0]
    assert result.max_hit == 1


def test_one_patient_has_no_interval_and_the_sentence_says_so(tmp_path):
    samples = [image(hot=[LEFT], lesions=[side], patient='p') for side in (LEFT, RIGHT)]
    found = evaluate(samples, n_bootstrap=5, out_dir=str(tmp_path))
    assert found['localization/iou'] == 0.5
    assert math.isnan(found['localization/iou_low'])
    one = json.loads((tmp_path / 'localization.json').read_text())
    assert interval_sentence(one) == (
        'no CI: only 1 of the patients has a value, an interval needs two'
    )
    samples[1].set_metainfo(dict(patient_id='q'))
    assert (
        evaluate(samples, n_bootstrap=50, out_dir=str(tmp_path))['localization/iou_low']
        == 0
    )
    two = json.loads((tmp_path / 'localization.json').read_text())
    assert interval_sentence(two) == '95% CI by 50 bootstrap draws of patients'
    two['no_interval'] = dict(iou=one['no_interval']['iou'])  # of some figures alone
    assert interval_sentence(two).startswith('95% CI by 50 bootstrap')
    assert '; no CI of iou: only 1 of' in interval_sentence(two)
    assert interval_sentence(dict(two, n_bootstrap=0, no_interval={})) == 'no CI'


def test_the_pair_s_patient_counts_where_a_view_has_none(tmp_path):
    views = [image(lesions=[LEFT], patient=None) for _ in range(2)]
    evaluate([pair(R=views[0], L=views[1])], out_dir=str(tmp_path))
    kept = json.loads((tmp_path / 'localization.json').read_text())
    assert kept['resampling_unit'] == 'patients'
    assert kept['counts']['resampling_units'] == 1


def test_without_patients_images_are_resampled(tmp_path):
    samples = [image(lesions=[LEFT], patient=None) for _ in range(4)]
    evaluate(samples, out_dir=str(tmp_path), n_bootstrap=2)
    kept = json.loads((tmp_path / 'localization.json').read_text())
    assert kept['resampling_unit'] == 'images (no patient_id)'
    assert kept['counts']['resampling_units'] == 4


def test_one_picklable_result_a_sample():
    """So that ranks can gather them and cut the sampler's padding."""
    metric = WeakLocalizationMetric(n_bootstrap=4)
    hit, missed = image(hot=[LEFT], lesions=[LEFT]), image(lesions=[LEFT])
    samples = [pair(R=hit, L=missed), hit, pair(L=image()), missed]
    metric.process(None, [sample.to_dict() for sample in samples])
    assert len(metric.results) == 4
    results = pickle.loads(pickle.dumps(metric.results))
    assert results == metric.results
    expected = metric.compute_metrics(metric.results)
    assert metric.compute_metrics(results) == expected
    assert expected['iou'] == 0.5 and expected['n_images'] == 5
    # the last sample was padding
    assert metric.evaluate(3)['localization/iou'] == pytest.approx(2 / 3)


def broken(**changes):
    sample = image(lesions=[LEFT]).to_dict()
    sample.update(changes)
    return {k: v for k, v in sample.items() if v is not None}


@pytest.mark.parametrize(
    'sample, message',
    [
        (broken(heat_map=None), 'no heat_map'),
        (broken(gt_instances=None), 'no gt_instances'),
        (broken(heat_map=torch.full((H, W), math.nan)), 'NaN'),
        (broken(heat_map=-torch.ones(H, W)), 'expected values >= 0'),
        (broken(heat_map=torch.rand(1, H, W)), r'expected \(H, W\)'),
        (broken(heat_map=torch.rand(4, 3)), r'\(4, 3\), the image \(8, 6\)'),
        (
            broken(gt_instances=dict(masks=np.ones((1, 16, 12), np.uint8))),
            r'\(16, 12\), the image \(8, 6\).*before Resize',
        ),
        (
            broken(
                gt_instances=dict(
                    masks=np.ones((2, H, W), np.uint8), bboxes=torch.ones(1, 4)
                )
            ),
            '2 masks and 1 boxes',
        ),
    ],
)
def test_mistakes_name_the_image(sample, message):
    with pytest.raises(ValueError, match=f'image a.png: .*{message}'):
        WeakLocalizationMetric().process(None, [sample])


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(cam_rule='otsu'), 'otsu'),
        (dict(cam_threshold=0), 'threshold'),
        (dict(sweep_thresholds=(0.5, 1.2)), '1.2'),
        (dict(tiou_thresholds=[]), 'tiou_thresholds'),
        (dict(tior_thresholds=[1.0]), 'tior_thresholds'),
        (dict(n_bootstrap=-1), 'n_bootstrap'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(dict(type='WeakLocalizationMetric', **arguments))
