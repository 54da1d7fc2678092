"""What is counted where parts are joined, and what is refused."""

import json

import pytest

from mammo_plugins.apis.archive import merge_parts, predict_index
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.io import JsonLines, write_json_lines
from mammo_plugins.structures.exam_index import ExamIndex
from mammo_plugins.structures.exam_indexing import index_exams


@pytest.fixture
def parts(inferencer, index, tmp_path):
    """Two parts of three."""
    folders = [tmp_path / f'part_{i}' for i in range(2)]
    for i, folder in enumerate(folders):
        predict_index(
            inferencer,
            index,
            folder,
            num_parts=3,
            part_id=i,
            figures='none',
            workers=0,
        )
    return folders


def test_missing_and_double_exams_are_counted(parts, index, tmp_path):
    lines = list(JsonLines(parts[0] / 'predictions.jsonl'))
    other = dict(lines[1], exam=dict(lines[1]['exam'] or {}, warnings=['other']))
    damaged = tmp_path / 'copied.jsonl'
    write_json_lines(damaged, [lines[0], other, *lines[2:]])
    damaged.write_bytes(damaged.read_bytes() + b'{"cut')
    merged = merge_parts([*parts, damaged], index, tmp_path / 'all')
    of_third = list(ExamIndex(index, 2, 3).exam_ids())
    assert merged.missing == of_third and of_third
    assert merged.duplicates == len(lines) - 2 and merged.differing == 1
    assert merged.damaged == 1 and merged.exams == 5 - len(of_third)
    written = json.loads((tmp_path / 'all/predictions.json').read_text())
    assert written['info']['complete'] is False
    assert ['other'] not in [exam['warnings'] for exam in written['exams']]


def test_parts_of_other_runs_are_refused(parts, inferencer, archive, index, tmp_path):
    with pytest.raises(ConfigError, match='is one of the parts'):
        merge_parts(parts, index, parts[0])
    with pytest.raises(FileNotFoundError, match='expected the --out of a part'):
        merge_parts([tmp_path / 'nowhere'], index, tmp_path / 'all')
    predict_index(
        inferencer, index, tmp_path / 'b', figures='none', score_thr=0.4, workers=0
    )
    with pytest.raises(ConfigError, match='of another run than'):
        merge_parts([*parts, tmp_path / 'b'], index, tmp_path / 'all')
    (tmp_path / 'b/predictions.jsonl').write_text('{"cut')
    with pytest.raises(ConfigError, match='no line identifies the run'):
        merge_parts([tmp_path / 'b'], index, tmp_path / 'all')
    (archive / 'more.txt').write_text('')
    index_exams(archive, index)
    with pytest.raises(ConfigError, match='made from another index'):
        merge_parts(parts, index, tmp_path / 'all')
    assert not (tmp_path / 'all').exists()


def test_another_run_in_the_folder_is_left_alone(parts, inferencer, index, tmp_path):
    """Its lines, its JSON, each alone, and a part's too; the same run is replaced."""
    out = tmp_path / 'other'
    predict_index(inferencer, index, out, figures='none', score_thr=0.4, workers=0)
    for name in ('predictions.json', 'predictions.jsonl'):
        before = (out / name).read_bytes()
        with pytest.raises(ConfigError, match='holds results of another run'):
            merge_parts(parts, index, out)
        assert (out / name).read_bytes() == before
        (out / name).unlink()
        (tmp_path / 'all').mkdir(exist_ok=True)
        (tmp_path / 'all' / name).write_bytes(before)
        with pytest.raises(ConfigError, match='an option: .*--score-thr'):
            merge_parts(parts, index, tmp_path / 'all', keep_lines=True)
        (tmp_path / 'all' / name).unlink()
        (out / name).write_bytes(before)
    with pytest.raises(ConfigError, match=r'differs in part \(1 of 3; now None\)'):
        merge_parts(parts[:1], index, parts[1])
    assert merge_parts(parts, index, out := tmp_path / 'all') == merge_parts(
        parts, index, out
    )


def test_pictures_are_those_of_the_parts(inferencer, index, tmp_path):
    """One of the same name that is there is replaced, and its content kept elsewhere."""
    part, out = tmp_path / 'part', tmp_path / 'all'
    predict_index(inferencer, index, part, workers=0)
    names = sorted(path.name for path in part.glob('*.png'))
    out.mkdir()
    (out / names[0]).write_bytes(b'old')
    (tmp_path / 'kept').hardlink_to(out / names[0])
    for _ in range(2):
        merge_parts([part], index, out)
        assert {path.name: path.read_bytes() for path in out.glob('*.png')} == {
            name: (part / name).read_bytes() for name in names
        }
        assert {path.suffix for path in out.iterdir()} == {'.png', '.json'}
    assert (tmp_path / 'kept').read_bytes() == b'old'


def test_parts_that_did_not_end_are_incomplete(inferencer, index, tmp_path):
    """Though each exam has a line, which may be of files that have changed since."""
    part, out = tmp_path / 'part', tmp_path / 'all'
    predict_index(inferencer, index, part, figures='none', workers=0)
    lines = list(JsonLines(part / 'predictions.jsonl'))
    for kept, unfinished in ((lines, 0), (lines[:-1], 1)):
        write_json_lines(part / 'predictions.jsonl', kept)
        for as_lines in (True, False):
            merged = merge_parts([part], index, out, as_lines)
            assert merged.unfinished == unfinished and not merged.missing
            assert (merged.exams, merged.unusable) == (5, 1)
        assert [*JsonLines(out / 'predictions.jsonl')] == kept
        written = json.loads((out / 'predictions.json').read_text())
        assert written['info']['complete'] is not bool(unfinished)
