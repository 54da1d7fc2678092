"""The demo's steps, which are made up, in the repository and installed."""

import json
import shlex

import pytest

from mammo_cli.commands.demo import Demo
from mammo_cli.main import find

POINTS = [
    dict(fppi=fppi, recall=0.5, low=0.4, high=0.6, threshold=fppi / 3)
    for fppi in (0.5, 1, 2)
]


def write(root, name, content):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


@pytest.mark.parametrize('installed', [False, True])
def test_steps(installed, tmp_path, monkeypatch, capsys):
    """Each is a command that its parser takes, on what those before have made."""
    monkeypatch.chdir(tmp_path)
    started = []

    def run(words, cwd):
        started.append(words)
        write(
            tmp_path,
            'data/phantom/annotations/test.json',
            dict(
                images=[dict(id=1, exam_id='healthy'), dict(id=2, exam_id='ill')],
                annotations=[dict(image_id=2)],
            ),
        )
        for name in ('single_view', 'tri_view'):
            work = f'work_dirs/demo/{name}'
            write(tmp_path, f'{work}/epoch_7.pth', '')
            write(tmp_path, f'{work}/last_checkpoint', f'{work}/epoch_7.pth')
            write(tmp_path, f'{work}/test/froc.json', dict(operating_points=POINTS))
            write(
                tmp_path,
                f'{work}/test/malignancy.json',
                dict(auc=0.8, auc_low=0.7, auc_high=0.9),
            )

    monkeypatch.setattr('mammo_plugins.stopping.run_child', run)
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    Demo(None if installed else tmp_path).make_all()
    printed = capsys.readouterr().out
    shown = [line[2:] for line in printed.splitlines() if line.startswith('$ ')]
    assert len(shown) == len(started) == 6
    for line, words in zip(shown, started):
        typed = shlex.split(line)[1:]
        assert words[1:] == [*(['-m', 'mammo_cli'] if installed else []), *typed]
        one, name, rest = find(typed)
        args = one.parser(name).parse_args(rest)
        config = getattr(args, 'config', 'configs/')
        assert config.startswith('mammo_plugins::' if installed else 'configs/') or (
            name == 'phantom'
        )
    assert started[-1][-6:] == [
        'work_dirs/demo/tri_view/epoch_7.pth',
        'data/phantom/dicom/ill',
        '--out',
        'work_dirs/demo/inference',
        '--score-thr',
        '0.333',
    ]
    assert '0.50 [0.40, 0.60]' in printed and '0.80 [0.70, 0.90]' in printed


def test_a_step_that_fails(tmp_path, monkeypatch):
    monkeypatch.setattr('mammo_plugins.stopping.run_child', lambda *_, **__: 2)
    with pytest.raises(SystemExit, match='ended with status 2; the reason is above'):
        Demo(tmp_path).make_all()
