"""Predictions as a table, read by the csv module."""

import csv

from made_predictions import INFO, write_predictions

from mammo_plugins.exports import PredictionFile, write_csv


def read(folder, exams):
    path = write_predictions(folder, dict(info=INFO, exams=exams))
    counts = write_csv(PredictionFile(path), folder / 'predictions.csv')
    with open(folder / 'predictions.csv', newline='', encoding='utf-8') as file:
        return counts, [*csv.DictReader(file)]


def view(file, **more):
    base = dict(
        file=file, laterality='L', view='CC', modality='FFDM', width=9, height=9
    )
    return base | more


def test_a_row_a_finding_and_a_row_a_view(tmp_path):
    found = dict(
        category='mass',
        score=0.912345,
        bbox=[1.25, 2, 3, 4.5],
        bbox_mm=[0.1, 0.2, 0.3, 0.4],
        malignancy=0.5,
        birads_score=0.61,
        birads='4B',
    )
    second = dict(category='mass', score=0.1, bbox=[0, 0, 1, 1], bbox_mm=None)
    views = [view('a.dcm', detections=[found, second]), view('b.dcm', detections=[])]
    counts, rows = read(tmp_path, [dict(exam_id='0e12', views=views)])
    assert counts == dict(view=2, finding=2)
    assert [(row['level'], row['file'], row['findings']) for row in rows] == [
        ('view', 'a.dcm', '2'),
        ('finding', 'a.dcm', ''),
        ('finding', 'a.dcm', ''),
        ('view', 'b.dcm', '0'),  # without findings, and still there
    ]
    first = rows[1]
    assert first['exam_id'] == '0e12' and first['finding'] == '1'
    corners = [float(first[key]) for key in ('x1', 'y1', 'x2', 'y2')]
    assert corners == found['bbox']
    in_mm = [float(first[f'{key}_mm']) for key in ('x1', 'y1', 'x2', 'y2')]
    assert in_mm == found['bbox_mm'] and not rows[2]['x1_mm']
    for key in ('score', 'malignancy', 'birads_score'):
        assert float(first[key]) == found[key]
    assert (first['birads'], first['category']) == ('4B', 'mass')


def test_exams_breasts_and_pairs_that_are_classified(tmp_path):
    mass = dict(bbox=[1, 2, 3, 4], outline=[[1.5, 2.5]])
    exam = dict(
        exam_id='abc',
        malignancy=0.25,
        affected_side=None,
        examined_side='R',
        breasts=[dict(laterality='L', malignancy=0.125)],
        pairs=[dict(view='CC', asymmetric=0.5), dict(view='MLO', asymmetric=None)],
        views=[view('a.dcm', abnormal=0.75, malignancy=0.1, masses=[mass])],
    )
    counts, rows = read(tmp_path, [exam])
    assert counts == dict(exam=1, breast=1, pair=2, view=1, finding=1)
    of_exam, breast, pair, lacking, of_view, finding = rows
    assert (of_exam['malignancy'], of_exam['examined_side']) == ('0.25', 'R')
    assert (breast['laterality'], breast['malignancy']) == ('L', '0.125')
    assert (pair['view'], pair['asymmetric'], lacking['asymmetric']) == (
        'CC',
        '0.5',
        '',
    )
    assert (of_view['abnormal'], of_view['findings']) == ('0.75', '1')
    assert (finding['x1'], finding['score']) == ('1', '')


def test_no_cell_is_a_formula(tmp_path):
    """Names of files are anyone's."""
    views = [view(name) for name in ('=1+1.dcm', '@a.dcm', 'a\nb.dcm', 'ü,"x".dcm')]
    _, rows = read(tmp_path, [dict(exam_id='a', views=views)])
    assert [row['file'] for row in rows] == [
        "'=1+1.dcm",
        "'@a.dcm",
        'a\\nb.dcm',
        'ü,"x".dcm',
    ]


def test_calibrated_scores_and_recall(tmp_path):
    """Each exam with a decision has a row, detectors' too."""
    found = dict(
        category='mass',
        score=0.9,
        score_calibrated=0.25,
        malignancy=0.5,
        malignancy_calibrated=0.125,
        bbox=[0, 0, 1, 1],
    )
    exams = [
        dict(
            exam_id='a',
            recall=dict(exam_score=0.9, threshold=0.61, recalled=True),
            views=[view('a.dcm', detections=[found])],
        ),
        dict(
            exam_id='b',
            recall=dict(exam_score=None, threshold=0.61, recalled=None),
            pairs=[dict(view='CC', asymmetric=0.5, asymmetric_calibrated=0.75)],
            views=[view('b.dcm', abnormal=0.3, abnormal_calibrated=0.0625)],
        ),
        dict(
            exam_id='c',
            malignancy=0.4,
            malignancy_calibrated=0.375,
            recall=dict(exam_score=0.4, threshold=0.61, recalled=False),
            breasts=[dict(laterality='L', malignancy=0.4, malignancy_calibrated=0.5)],
            views=[],
        ),
    ]
    counts, rows = read(tmp_path, exams)
    assert counts == dict(exam=3, view=2, finding=1, pair=1, breast=1)
    decisions = [
        tuple(row[key] for key in ('exam_id', 'exam_score', 'threshold', 'recalled'))
        for row in rows
        if row['level'] == 'exam'
    ]
    assert decisions == [
        ('a', '0.9', '0.61', 'True'),
        ('b', '', '0.61', ''),
        ('c', '0.4', '0.61', 'False'),
    ]
    calibrated = {
        (row['exam_id'], row['level'], key): row[f'{key}_calibrated']
        for row in rows
        for key in ('score', 'malignancy', 'abnormal', 'asymmetric')
        if row[f'{key}_calibrated']
    }
    assert calibrated == {
        ('a', 'finding', 'score'): '0.25',
        ('a', 'finding', 'malignancy'): '0.125',
        ('b', 'pair', 'asymmetric'): '0.75',
        ('b', 'view', 'abnormal'): '0.0625',
        ('c', 'exam', 'malignancy'): '0.375',
        ('c', 'breast', 'malignancy'): '0.5',
    }
