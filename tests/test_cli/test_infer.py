"""What the command of inference checks before, and tells after."""

import pytest

from mammo_cli.commands.infer import check_output, report
from mammo_cli.main import main


def view(name, *warnings, **more):
    return dict(file=name, warnings=list(warnings), **more)


def test_what_is_said_often_is_said_once(capsys):
    """With the first three of whom it is said, and how many more there are."""
    views = [view(f'{k}.dcm', f'size: {k} mm', outside_breast=k % 2) for k in range(5)]
    report(
        dict(
            exams=[
                dict(
                    exam_id='e',
                    figure='e.png',
                    warnings=['views: one is missing'],
                    views=views,
                )
            ],
            notes=['a\nb'],
            skipped=[dict(file=f'{k}.txt', reason='no image') for k in range(4)]
            + [dict(file=f'{k}.dcm', reason=f'cut: {k} of 9.5') for k in range(2)]
            + [dict(file=f'{k}.png', reason=f'{k} x 5 pixels') for k in range(2)],
        ),
        'out',
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        '1 exam, 5 views: out/predictions.json, and 1 picture',
        '2 detections outside the breast dropped, in 2 views',
    ]
    note, of_exam, of_views, skipped, reason, *numbers = lines[2:]
    assert (
        note.startswith('note: a')
        and of_exam == 'warning: exam e: views: one is missing'
    )
    assert of_views == 'warning: 0.dcm, 1.dcm, 2.dcm and 2 more: size: 0 mm'
    assert (skipped, reason) == (
        '8 files skipped:',
        '  0.txt, 1.txt, 2.txt and 1 more: no image',
    )
    assert numbers == [
        '  0.dcm, 1.dcm: cut: 0 of 9.5 (the first of several such reasons)',
        '  0.png, 1.png: 0 x 5 pixels (the first of several such reasons)',
    ]


def test_nothing_is_said_of_nothing(capsys):
    report(dict(exams=[], notes=[], skipped=[]), 'out')
    assert not capsys.readouterr().out


@pytest.mark.parametrize('score', ['-0.1', '1.1', 'nan'])
def test_scores_that_cannot_be(tmp_path, score, capsys):
    with pytest.raises(SystemExit) as stop:
        main(
            [
                'infer',
                'configs/mamminet_v2.py',
                'a.pth',
                'exam',
                '--score-thr',
                score,
                '--out',
                str(tmp_path / 'out'),
            ]
        )
    assert stop.value.code == 2 and not (tmp_path / 'out').exists()
    assert capsys.readouterr().err == (
        f'error: --score-thr {float(score)}: expected 0 to 1\n'
    )


def test_the_folder_is_tried(tmp_path, capsys):
    check_output(str(tmp_path / 'out'))
    check_output(str(tmp_path / 'deep/out'))
    assert not list(tmp_path.iterdir())
    (tmp_path / 'file').write_text('')
    with pytest.raises(SystemExit) as stop:
        check_output(str(tmp_path / 'file'))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f'error: --out {tmp_path / "file"}: cannot write there' in said


def judged(name, recalled, score):
    recall = dict(exam_score=score, threshold=0.5, recalled=recalled)
    return dict(exam_id=name, warnings=[], views=[], recall=recall)


def test_recalled_exams_are_told(capsys):
    """Each of a few, the first and the number of many."""
    exams = [judged('a', True, 0.75), judged('b', False, 0.2), judged('c', None, None)]
    report(dict(exams=exams, notes=[], skipped=[]), 'out')
    assert capsys.readouterr().out.splitlines()[1:] == [
        '1 of 3 exams recalled: score >= 0.5',
        '  a: recalled, score 0.75',
        '  b: not recalled, score 0.2',
        '  c: not judged',
    ]
    exams = [judged(f'e{k}', k < 5, 0.9) for k in range(21)]
    report(dict(exams=exams, notes=[], skipped=[]), 'out')
    assert capsys.readouterr().out.splitlines()[1:] == [
        '5 of 21 exams recalled: score >= 0.5 (e0, e1, e2 and 2 more)'
    ]


@pytest.mark.parametrize('words', [['infer', 'exam'], ['test']])
def test_number_formats_that_cannot_be(words, tmp_path, capsys):
    command, *paths = words
    with pytest.raises(SystemExit) as stop:
        main(
            [command, 'configs/mamminet_v2.py', 'a.pth', *paths, '--precision', 'int8']
        )
    assert stop.value.code == 2
    assert "--precision: invalid choice: 'int8'" in capsys.readouterr().err
