"""Reading predictions, whole and line by line."""

import copy
import json
import os
import tracemalloc

import pytest
from made_predictions import INFO, write_lines, write_predictions

from mammo_plugins.exports import ExportError, PredictionFile, image_of
from mammo_plugins.io import Entries, JsonError, JsonLines, write_json


def view(**more):
    return dict(
        file='a/L_CC.dcm', laterality='L', view='CC', width=60, height=90, **more
    )


@pytest.fixture
def content():
    exams = [
        dict(exam_id=f'{k:012x}', warnings=[], views=[view(detections=[])])
        for k in range(3)
    ]
    return dict(info=dict(INFO, complete=True), notes=[], exams=exams, skipped=[])


def test_a_file_its_folder_and_lines_are_the_same(content, tmp_path):
    path = write_predictions(tmp_path / 'whole', content)
    lines = write_lines(tmp_path / 'lines/predictions.jsonl', content)
    for each in (path, path.parent, lines, lines.parent):
        predictions = PredictionFile(each)
        assert [*predictions] == [*predictions] == content['exams']
        assert predictions.info['run'] == INFO['run'] and not predictions.damaged


def test_of_an_exam_with_two_lines_the_later_holds(content, tmp_path):
    path = write_lines(tmp_path / 'predictions.jsonl', content)
    again = copy.deepcopy(content['exams'][0])
    again['views'][0]['width'] = 61
    lines = JsonLines(path)
    lines.append(
        dict(
            run=INFO['run'],
            exam_id=again['exam_id'],
            exam=again,
            skipped=[dict(file='x', reason='y')],
        )
    )
    lines.append(dict(run='another', exam_id='f' * 12, exam=again, skipped=[]))
    lines.close()
    with open(path, 'a') as file:
        file.write('{"run": "cut sho')
    predictions = PredictionFile(path)
    assert [exam['views'][0]['width'] for exam in predictions] == [60, 60, 61]
    assert predictions.damaged == 2
    assert [*predictions.skipped()] == [dict(file='x', reason='y')]


def changed(path, value):
    def change(content):
        *keys, last = path
        for key in keys:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    'change, said',
    [
        (changed(['info'], dict(format='froc')), 'info.format'),
        (changed(['exams'], {}), 'exams: expected a list'),
        (changed(['exams', 1], 'an exam'), r'exams\[1\].exam_id'),
        (changed(['exams', 1, 'exam_id'], '../../x'), r'exams\[1\].exam_id'),
        (
            changed(['exams', 2, 'views', 0, 'view'], 'a/b'),
            r'exams\[2\].views\[0\].view',
        ),
        (changed(['exams', 0, 'views', 0, 'width'], 0), r'views\[0\].width'),
        (changed(['exams', 0, 'views'], 'none'), 'views: expected an object'),
        (
            changed(['exams', 0, 'views', 0, 'detections'], [dict(category='m')]),
            r'detections\[0\].score',
        ),
        (changed(['exams', 0, 'malignancy'], 'high'), 'malignancy: expected a number'),
        (
            changed(['exams', 0, 'malignancy_calibrated'], 2),
            'malignancy_calibrated: expected a number',
        ),
        (
            changed(['exams', 0, 'recall'], dict(threshold=0.5, recalled='yes')),
            r'recall.recalled',
        ),
        (
            lambda content: content['exams'][1].pop('views'),
            r'exams\[1\].views: expected',
        ),
        (
            changed(['skipped'], [dict(file='a')]),
            r'skipped\[0\].reason: expected a text',
        ),
        (changed(['skipped'], ['a.dcm']), r'skipped\[0\].file: expected a text'),
        (changed(['skipped'], [dict(file=1, reason='')]), r'skipped\[0\].file: exp'),
    ],
)
def test_what_was_changed_is_named(content, tmp_path, change, said):
    change(content)
    path = write_predictions(tmp_path, content)
    with pytest.raises(ExportError, match=said):
        predictions = PredictionFile(path)
        [*predictions, *predictions.skipped()]


@pytest.mark.parametrize(
    'name, text, error, said',
    [
        ('predictions.json', '{"info": ', JsonError, 'cut short'),
        ('predictions.json', '[]', ExportError, 'not written by mammo infer'),
        ('predictions.jsonl', 'nothing\n', ExportError, 'not written by mammo infer'),
        (None, '', FileNotFoundError, 'predictions.json nor predictions.jsonl'),
    ],
)
def test_other_files(tmp_path, name, text, error, said):
    if name:
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=said):
        PredictionFile(tmp_path)


@pytest.mark.parametrize('name', ['../b.dcm', '/etc/passwd', 'a/../../b.dcm'])
def test_names_do_not_lead_out_of_the_folder(tmp_path, name):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'b.dcm').write_text('')
    with pytest.raises(ExportError, match='leads out'):
        image_of(dict(file=name), tmp_path / 'images')
    (tmp_path / 'images/b.dcm').write_text('')
    assert image_of(dict(file='b.dcm'), tmp_path / 'images').is_file()


def test_values_of_json_alone(content, tmp_path):
    """Other numbers than those of JSON cannot come in."""
    path = write_predictions(tmp_path, content)
    path.write_text(json.dumps(content).replace('60', 'NaN'))
    with pytest.raises(JsonError, match='NaN'):
        PredictionFile(path)


def test_of_two_files_the_newer_is_read(content, tmp_path):
    """A run that was killed after an earlier stop has more lines than its JSON."""
    whole = write_predictions(tmp_path, dict(content, exams=content['exams'][:1]))
    lines = write_lines(tmp_path / 'predictions.jsonl', content)
    for age, path, count in ((-10, whole, 3), (10, whole, 1)):
        time = lines.stat().st_mtime + age
        os.utime(path, (time, time))
        assert len([*PredictionFile(tmp_path)]) == count


def test_lines_of_an_exam_without_a_view_are_counted(content, tmp_path):
    path = write_lines(tmp_path / 'predictions.jsonl', content)
    lines = JsonLines(path)
    for exam_id in ('a' * 12, content['exams'][0]['exam_id']):
        skipped = [dict(file=exam_id, reason='cut short')]
        lines.append(dict(run=INFO['run'], exam_id=exam_id, exam=None, skipped=skipped))
    assert PredictionFile(path).complete is None
    lines.append(dict(info={**INFO, 'complete': True}))
    lines.close()
    predictions = PredictionFile(path)
    assert [*predictions] == content['exams'][1:] and predictions.unusable == 2
    assert len([*predictions.skipped()]) == 2 and predictions.complete is True


def test_exams_are_read_one_by_one(content, tmp_path):
    """And a file of the same text with other line breaks is the same."""
    path = tmp_path / 'predictions.json'
    content['skipped'] = [dict(file='x', reason='y')]
    for exams in (content['exams'], content['exams'][:1], []):
        write_json(path, dict(content, exams=Entries(lambda: iter(exams))))
        for text in (path.read_text(), json.dumps(json.loads(path.read_text()))):
            path.write_text(text)
            predictions = PredictionFile(path)
            assert [*predictions] == [*predictions] == exams
            assert [*predictions.skipped()] == content['skipped']
    write_json(path, dict(content, exams=Entries(lambda: iter([dict(x='y' * 9999)]))))
    tracemalloc.start()
    try:
        big = ({**content['exams'][0], 'x': 'y' * 20_000} for _ in range(100))
        write_json(path, dict(content, exams=Entries(lambda: big)))
        assert sum(1 for _ in PredictionFile(path)) == 100
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('cut', [30, 300, 600, -20])
def test_a_cut_file_is_refused(content, tmp_path, cut):
    path = tmp_path / 'predictions.json'
    write_json(path, dict(content, exams=Entries(lambda: iter(content['exams']))))
    path.write_text(path.read_text()[:cut])
    with pytest.raises(JsonError, match='predictions.json: not a JSON file'):
        [*PredictionFile(path)]
