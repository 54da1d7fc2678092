"""Detections as COCO results, scored by pycocotools."""

import contextlib
import copy
import io
import json

import numpy as np
import pytest
import torch
from made_predictions import predictions_of
from mmdet.evaluation import CocoMetric
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mammo_plugins.exports import ExportError, coco_results


@pytest.fixture(scope='module')
def annotated(phantom_root):
    return phantom_root / 'annotations/train.json'


@pytest.fixture(scope='module')
def content(phantom_root, annotated):
    """Boxes near lesions, some beside them, of all views of the training part."""
    annotations = json.loads(annotated.read_text())
    names = {image['id']: image['file_name'] for image in annotations['images']}
    lesions = {}
    for each in annotations['annotations']:
        lesions.setdefault(names[each['image_id']], []).append(each['bbox'])

    def said(view, rng):
        name = view.path.relative_to(phantom_root).as_posix()
        boxes = [
            np.round(np.add([x, y, x + w, y + h], rng.normal(0, 1, 4)), 2).tolist()
            for x, y, w, h in lesions.get(name, [])
        ] + [[1.0, 1.0, 9.5, 12.25]]
        return [
            dict(category='mass', score=round(float(rng.random()), 6), bbox=box)
            for box in boxes
        ]

    content = predictions_of(phantom_root / 'dicom', said)
    kept = {name.removeprefix('dicom/') for name in names.values()}
    content['exams'] = [
        exam for exam in content['exams'] if exam['views'][0]['file'] in kept
    ]
    return content


def average_precision(annotated, results):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotated))
        scored = COCOeval(truth, truth.loadRes(results), 'bbox')
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    return scored.stats


def test_the_same_precision_as_the_metric(content, annotated):
    """mmdet's CocoMetric, which is given the same boxes as corners."""
    results, left_out = coco_results(content['exams'], annotated)
    assert not left_out
    stats = average_precision(annotated, results)
    metric = CocoMetric(str(annotated), metric='bbox')
    metric.dataset_meta = dict(classes=('mass',))
    ids = {
        image['file_name']: image['id']
        for image in json.loads(annotated.read_text())['images']
    }
    samples = []
    for view in (view for exam in content['exams'] for view in exam['views']):
        found = view['detections']
        samples.append(
            dict(
                img_id=ids[f'dicom/{view["file"]}'],
                ori_shape=(view['height'], view['width']),
                pred_instances=dict(
                    bboxes=torch.tensor(
                        [d['bbox'] for d in found], dtype=torch.float64
                    ),
                    scores=torch.tensor([d['score'] for d in found]),
                    labels=torch.zeros(len(found), dtype=torch.long),
                ),
            )
        )
    metric.process({}, samples)
    with contextlib.redirect_stdout(io.StringIO()):
        ours = metric.evaluate(len(samples))
    assert 0.2 < stats[0] < 0.95
    assert ours['coco/bbox_mAP'] == pytest.approx(stats[0], abs=6e-4)  # it rounds
    assert ours['coco/bbox_mAP_50'] == pytest.approx(stats[1], abs=6e-4)


def test_what_is_written(content, annotated):
    results, _ = coco_results(content['exams'], annotated)
    found = [
        each
        for exam in content['exams']
        for view in exam['views']
        for each in view['detections']
    ]
    for result, detection in zip(results, found, strict=True):
        assert result.keys() == {'image_id', 'category_id', 'bbox', 'score'}
        x, y, width, height = result['bbox']
        np.testing.assert_allclose([x, y, x + width, y + height], detection['bbox'])
        assert result['score'] == detection['score']


def test_views_without_an_image_are_listed(content, annotated, tmp_path):
    exam = copy.deepcopy(content['exams'][0])
    bare, unknown, other, whole = exam['views']
    bare['file'] = bare['file'].rpartition('/')[2]  # as of several exams
    unknown['file'] = 'elsewhere/x.dcm'
    other['width'] += 1
    twice = dict(whole, file=f'./{whole["file"]}')
    exam['views'].append(twice)
    results, left_out = coco_results([exam], annotated)
    assert len(results) == len(whole['detections'])
    reasons = dict(left_out)
    assert 'images of the annotation file have that name' in reasons[bare['file']]
    assert 'no image of that name' in reasons[unknown['file']]
    assert 'pixels' in reasons[other['file']]
    assert 'too' in reasons[twice['file']]


def test_a_name_with_folders_goes_before_one_without(tmp_path):
    """A converter may keep the bare name of the original file beside its own."""
    images = [
        dict(id=1, file_name='p1/x.png', source='x.png', width=9, height=9),
        dict(id=2, file_name='p2/x.png', source='x.png', width=9, height=9),
    ]
    path = tmp_path / 'a.json'
    path.write_text(
        json.dumps(dict(images=images, categories=[dict(id=7, name='mass')]))
    )
    found = [dict(category='mass', score=1, bbox=[0, 0, 1, 2])]
    view = dict(file='data/p2/x.png', width=9, height=9, detections=found)
    results, left_out = coco_results([dict(views=[view])], path)
    assert not left_out
    assert results == [dict(image_id=2, category_id=7, bbox=[0, 0, 1, 2], score=1)]


def test_errors_name_the_cure(content, annotated, tmp_path):
    other = json.loads(annotated.read_text())
    other['categories'][0]['name'] = 'calcification'
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(other))
    with pytest.raises(ExportError, match="categories: has no 'mass'"):
        coco_results(content['exams'], path)
    path.write_text('[]')
    with pytest.raises(ExportError, match='lists images and categories'):
        coco_results(content['exams'], path)
    with pytest.raises(ExportError, match='--csv holds what it says'):
        coco_results([dict(views=[dict(file='a')])], annotated)
