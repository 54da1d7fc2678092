"""An archive gives what its folder does, in parts, read ahead, and after stops."""

import json
import random
import signal
import time
import tracemalloc

import cv2
import numpy as np
import pytest
from archive_runs import kill_at_random, repeat_index, run

from mammo_plugins.apis.archive import Pace, merge_parts
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.inferencers.prediction_writer import LINES
from mammo_plugins.io import JsonLines
from mammo_plugins.structures.exam_index import ExamIndex
from mammo_plugins.structures.exam_indexing import index_exams


def contents(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name.startswith('predictions')
    }


def test_an_index_gives_what_the_folder_does(inferencer, archive, index, tmp_path):
    """A damaged view costs itself and a line; an exam without any, its views."""
    whole = inferencer(archive, tmp_path / 'folder', figures='none')
    result = run(inferencer, index, tmp_path / 'index')
    written = json.loads((tmp_path / 'index/predictions.json').read_text())
    of_folder = json.loads((tmp_path / 'folder/predictions.json').read_text())
    for key in ('exams', 'skipped', 'notes'):
        assert written[key] == of_folder[key] == json.loads(json.dumps(whole[key]))
        assert list(result[key]) == written[key]
    assert [len(exam['views']) for exam in written['exams']] == [4, 3, 4, 4]
    reasons = {entry['file']: entry['reason'] for entry in written['skipped']}
    assert len(reasons) == 6 and 'truncated' in reasons['phantom_0002/L_CC.dcm']
    assert written['info']['complete'] is True
    assert 'part' not in written['info']


def test_processes_that_read_ahead_change_nothing(inferencer, index, tmp_path):
    pace = Pace()
    run(inferencer, index, tmp_path / 'one')
    run(inferencer, index, tmp_path / 'two', workers=2, pace=pace)
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')
    assert pace.exams == 5 and 0 < pace.waited < pace.seconds
    assert not list(tmp_path.rglob('*.u16'))


def test_threads_of_opencv_do_not_stop_processes(inferencer, index, tmp_path):
    """Large images make OpenCV start threads, which a forked process lacks."""

    def late(*_):
        raise TimeoutError('a process that reads ahead waits for a thread')

    before = cv2.getNumThreads()
    alarm = signal.signal(signal.SIGALRM, late)
    signal.alarm(100)
    try:
        cv2.setNumThreads(2)
        cv2.warpAffine(np.zeros((3000, 3000), np.float32), np.eye(2, 3), (3000, 3000))
        time.sleep(0.5)  # until they wait for work
        run(inferencer, index, tmp_path / 'out', workers=1)
        assert cv2.getNumThreads() == 2
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, alarm)
        cv2.setNumThreads(before)


def test_parts_together_are_one_run(inferencer, index, tmp_path):
    run(inferencer, index, tmp_path / 'whole')
    parts = [tmp_path / f'part_{i}' for i in range(3)]
    for i, part in enumerate(parts):
        result = run(inferencer, index, part, num_parts=3, part_id=i)
        assert result['info']['part'] == f'{i} of 3'
    for lines in (False, True):
        merged = merge_parts(parts[::-1], index, tmp_path / 'all', keep_lines=lines)
        assert (merged.exams, merged.duplicates, merged.missing) == (5, 0, [])
    assert contents(tmp_path / 'all') == contents(tmp_path / 'whole')


def test_stops_at_any_line_change_nothing(inferencer, index, tmp_path, monkeypatch):
    """Before a line, within it, after it; what is done is not done again."""
    run(inferencer, index, tmp_path / 'whole')
    read_exam, done = inferencer.read_exam, []
    monkeypatch.setattr(
        inferencer, 'read_exam', lambda key, *_: done.append(key) or read_exam(key, *_)
    )
    text = (tmp_path / 'whole/predictions.jsonl').read_bytes()
    out = tmp_path / 'out'
    out.mkdir()
    for kept in (10, len(text) // 3, len(text) // 2 + 1, len(text) - 1):
        done.clear()
        (out / 'predictions.jsonl').write_bytes(text[:kept])
        there = [line['exam_id'] for line in JsonLines(out / LINES) if 'run' in line]
        run(inferencer, index, out)
        assert sorted(set(done) | set(there)) == sorted(ExamIndex(index).exam_ids())
        assert not set(done) & set(there) and len(done) + len(there) == 5
        assert (out / 'predictions.json').read_bytes() == (
            tmp_path / 'whole/predictions.json'
        ).read_bytes()


def test_kill_9_at_random_changes_nothing(inferencer, index, tmp_path):
    """Of the run and its processes that read ahead; the suite's few of many."""
    start = time.time()
    run(inferencer, index, tmp_path / 'whole', workers=1)
    seconds, rng = time.time() - start, random.Random()
    moments = [rng.uniform(0, seconds) for _ in range(5)]
    lines = list(
        kill_at_random(inferencer, index, tmp_path / 'out', moments, workers=1)
    )
    run(inferencer, index, tmp_path / 'out', workers=1)
    whole, killed = (
        (tmp_path / name / 'predictions.json').read_bytes() for name in ('whole', 'out')
    )
    assert whole == killed and lines == sorted(lines), moments


def test_memory_is_flat(inferencer, index, tmp_path, monkeypatch):
    """60 results of 100 kB each: a few are in memory, in the end too."""
    monkeypatch.setattr(inferencer, 'read_exam', lambda key, *_: key)
    monkeypatch.setattr(inferencer, 'preprocess', lambda exam: [])
    monkeypatch.setattr(
        inferencer,
        'predict',
        lambda key, *_: dict(exam_id=key, warnings=[], ballast='x' * 100_000),
    )
    repeat_index(index, tmp_path / 'many.jsonl', 60)
    tracemalloc.start()
    try:
        result = run(inferencer, tmp_path / 'many.jsonl', tmp_path / 'out')
        exams = sum(1 for _ in result['exams'])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert exams == 60 and most < 3_000_000
    assert (tmp_path / 'out/predictions.json').stat().st_size > 6_000_000


def test_an_interrupted_run_says_so_and_holds_its_lines(
    inferencer, index, tmp_path, monkeypatch
):
    append, lines = JsonLines.append, []

    def written_and_stopped(self, obj):
        append(self, obj)
        lines.append(obj)
        if len(lines) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(JsonLines, 'append', written_and_stopped)
    with pytest.raises(KeyboardInterrupt):
        run(inferencer, index, tmp_path / 'out', workers=1)
    written = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert written['exams'] == [line['exam'] for line in lines[1:]]
    assert written['info']['complete'] is False


@pytest.mark.parametrize('what', ['part', 'root', 'option'])
def test_results_are_not_mixed(inferencer, archive, index, tmp_path, what):
    run(inferencer, index, tmp_path / 'out', num_parts=2)
    before, options = contents(tmp_path / 'out'), dict(num_parts=2)
    if what == 'part':
        options['part_id'] = 1
    elif what == 'root':
        index_exams(archive / 'phantom_0001', index)
    else:
        options['score_thr'] = 0.5
    with pytest.raises(ConfigError, match='holds results of another run'):
        run(inferencer, index, tmp_path / 'out', **options)
    assert contents(tmp_path / 'out') == before


def test_an_index_of_other_images_is_refused(inferencer, archive, tmp_path):
    index_exams(archive, tmp_path / 'a.jsonl', modality=['CEM-LE', 'CEM-RC'])
    with pytest.raises(ConfigError, match='mammo index --modality FFDM'):
        run(inferencer, tmp_path / 'a.jsonl', tmp_path / 'out')
    with pytest.raises(ValueError, match='part_id: 2; expected 0 to 1'):
        run(inferencer, tmp_path / 'a.jsonl', tmp_path / 'out', num_parts=2, part_id=2)


def test_a_file_that_has_gone_costs_its_view(inferencer, archive, index, tmp_path):
    gone = archive / 'phantom_0001/R_CC.dcm'
    gone.unlink()
    result = run(inferencer, index, tmp_path / 'out')
    reasons = {entry['file']: entry['reason'] for entry in result['skipped']}
    assert 'no such file' in reasons['phantom_0001/R_CC.dcm']
    assert [len(exam['views']) for exam in result['exams']][0] == 3


def test_only_exams_above_a_score_are_drawn(inferencer, index, tmp_path):
    """Each exam's highest score counts; those that are not drawn name no picture."""
    result = run(inferencer, index, tmp_path / 'none')
    highest = {
        exam['exam_id']: max(d['score'] for v in exam['views'] for d in v['detections'])
        for exam in result['exams']
    }
    least = sorted(highest.values())[-2]
    result = run(inferencer, index, tmp_path / 'some', figures=f'above={least}')
    drawn = {exam['exam_id'] for exam in result['exams'] if 'figure' in exam}
    assert drawn == {key for key, score in highest.items() if score >= least}
    assert {path.stem for path in (tmp_path / 'some').glob('*.png')} == drawn
    assert len(drawn) == 2 and not list((tmp_path / 'none').glob('*.png'))


def test_identity_stays_out(
    inferencer, archive, index, tmp_path, capsys, assert_private
):
    """Of lines, JSON, pictures, and the names of files."""
    parts = [tmp_path / f'results/part_{i}' for i in range(2)]
    for i, part in enumerate(parts):
        run(inferencer, index, part, num_parts=2, part_id=i, figures='above=0')
    merge_parts(parts, index, tmp_path / 'results/all')
    said = capsys.readouterr()
    assert_private(said.out, said.err, tmp_path / 'results', tmp_path / 'results/all')
    names = ' '.join(str(path) for path in (tmp_path / 'results').rglob('*'))
    assert_private(names, index.read_text())
    assert len(list((tmp_path / 'results/all').glob('*.png'))) == 4


def test_a_grown_archive_costs_its_new_exams(
    inferencer, archive, index, tmp_path, monkeypatch, capsys
):
    """In the end all is as if the whole had been run at once."""
    kept = tmp_path / 'kept'
    (archive / 'phantom_0003').rename(kept)
    index_exams(archive, index)
    run(inferencer, index, tmp_path / 'out')
    kept.rename(archive / 'phantom_0003')
    gone = ExamIndex(index).exam(ExamIndex(index).places[0])[1]
    index_exams(archive, index)
    read_exam, done = inferencer.read_exam, []
    monkeypatch.setattr(
        inferencer, 'read_exam', lambda key, *_: done.append(key) or read_exam(key, *_)
    )
    capsys.readouterr()
    run(inferencer, index, tmp_path / 'out')
    assert len(done) == 1
    said = capsys.readouterr().out
    assert (
        '4 exams of this run done already; skipped if the files are unchanged' in said
    )
    run(inferencer, index, tmp_path / 'whole')
    one, whole = (
        (tmp_path / name / 'predictions.json').read_bytes() for name in ('out', 'whole')
    )
    assert one == whole
    merge_parts([tmp_path / 'out'], index, tmp_path / 'all')
    assert (tmp_path / 'all/predictions.json').read_bytes() == whole
    for path in {view.path.parent for view in next(iter(gone.exams.values())).values()}:
        path.rename(tmp_path / 'gone')
    index_exams(archive, index)
    result = run(inferencer, index, tmp_path / 'out')
    assert '1 exam done earlier but not in' in capsys.readouterr().out
    assert len([*result['exams']]) == 3
    assert merge_parts([tmp_path / 'out'], index, tmp_path / 'all').exams == 4


def test_an_index_elsewhere(inferencer, archive, index, tmp_path):
    """Another mount point changes nothing but where files are read."""
    run(inferencer, index, tmp_path / 'here')
    archive.rename(tmp_path / 'elsewhere')
    run(inferencer, index, tmp_path / 'there', root=tmp_path / 'elsewhere')
    here, there = (
        (tmp_path / name / 'predictions.json').read_bytes()
        for name in ('here', 'there')
    )
    assert here == there
