"""tools/analysis_tools/plot_froc.py and the figure it draws."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from mammo_cli.commands.plot_froc import default_labels
from mammo_cli.main import main
from mammo_plugins.evaluation.functional import FROCData, ImageMatches, froc_summary
from mammo_plugins.evaluation.functional.froc_report import different_data
from mammo_plugins.io import write_json
from mammo_plugins.visualization import curves


def summary(n_images=20, iou_thr=0.2, match='bbox', n_bootstrap=20):
    rng = np.random.default_rng(0)
    images = [
        ImageMatches(
            rng.random(4), np.array([0, -1, -1, 0]) - (i % 2), 1 - i % 2, i // 2
        )
        for i in range(n_images)
    ]
    return froc_summary(
        FROCData.from_images(images), iou_thr, match, n_bootstrap=n_bootstrap
    )


@pytest.fixture
def runs(tmp_path):

    def make(**contents):
        files = []
        for name, content in contents.items():
            (tmp_path / name).mkdir()
            files.append(str(tmp_path / name / 'froc.json'))
            write_json(files[-1], content)
        return files

    return make


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were written."""
    figures, savefig = [], Figure.savefig

    def save(self, *args, **kwargs):
        figures.append(self)
        return savefig(self, *args, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', save)
    return figures


def error_of(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(['plot-froc', *args])
    assert stop.value.code == 2
    text = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'error: ' in text
    return text


def test_two_runs(runs, tmp_path, capsys, drawn):
    first, second = summary(), summary(n_bootstrap=0)
    out = tmp_path / 'figures' / 'both.png'
    main(['plot-froc', *runs(single=first, dual=second), '--out', str(out)])
    assert out.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    assert [p.name for p in out.parent.iterdir()] == ['both.png']
    text = capsys.readouterr().out
    assert first['rule'] in text and 'warning' not in text
    assert 'single  0.5' in text and 'dual    0.5' in text

    (axes,) = drawn[0].axes
    steps = [line for line in axes.lines if line.get_drawstyle() == 'steps-post']
    assert len(steps) == 2
    np.testing.assert_array_equal(steps[0].get_xdata(), first['curve']['fppi'])
    np.testing.assert_array_equal(steps[0].get_ydata(), first['curve']['recall'])
    (dots,) = [
        line
        for line in axes.lines
        if line.get_marker() == 'o' and line.get_color() == steps[0].get_color()
    ]
    points = first['operating_points']
    np.testing.assert_array_equal(dots.get_xdata(), [0.5, 1, 2])
    np.testing.assert_array_equal(dots.get_ydata(), [p['recall'] for p in points])
    (band,) = axes.collections  # of the run that has one
    corners = {tuple(xy) for xy in band.get_paths()[0].vertices}
    for end in ('low', 'high'):
        assert corners >= set(zip(first['band']['fppi'], first['band'][end]))
    legend = ' '.join(t.get_text() for t in axes.get_legend().get_texts())
    assert 'single (10 lesions, 20 images)' in legend
    assert f'R@2 = {points[2]["recall"]:.3f} [{points[2]["low"]:.3f}' in legend
    assert axes.get_ylabel() == 'Recall of lesions (box IoU > 0.2)'


def test_run_without_lesions_says_so(tmp_path, drawn):
    empty = froc_summary(
        FROCData.from_images([ImageMatches(np.ones(1), [-1], 0, 'p')]), 0.2, 'mask'
    )
    curves.plot_froc({'empty': empty}, tmp_path / 'a.png', log_x=True)
    (text,) = drawn[0].axes[0].get_legend().get_texts()
    assert text.get_text() == 'empty (0 lesions, 1 images): recall undefined'
    with pytest.raises(ValueError, match='no FROC curve'):
        curves.plot_froc({}, tmp_path / 'b.png')


def test_one_patient_has_no_interval_to_name(tmp_path, drawn):
    matches = [ImageMatches(np.array([0.9]), [0], 1, name) for name in 'ppq']
    for number, title in ((2, ''), (3, '95% CI by bootstrap over patients')):
        one = froc_summary(FROCData.from_images(matches[:number]), 0.2, 'bbox')
        curves.plot_froc({'one': one}, tmp_path / f'{number}.png')
        (axes,) = drawn[-1].axes
        assert axes.get_legend().get_title().get_text() == title
        assert bool(axes.collections) == bool(title)


@pytest.mark.parametrize(
    'other, message',
    [
        (dict(iou_thr=0.5), 'IoU threshold is 0.2 for .* but 0.5 for'),
        (dict(match='mask'), 'match is bbox for .* but mask for'),
    ],
)
def test_rules_are_not_mixed(runs, tmp_path, capsys, other, message):
    files = runs(one=summary(), two=summary(**other))
    with pytest.raises(ValueError, match=message):
        different_data({'one': summary(), 'two': summary(**other)})
    assert 'cannot be compared' in error_of(
        capsys, *files, '--out', str(tmp_path / 'a.png')
    )
    assert not (tmp_path / 'a.png').exists()


def test_other_data_is_a_warning(runs, tmp_path, capsys):
    files = runs(one=summary(), two=summary(n_images=10))
    main(['plot-froc', *files, '--out', str(tmp_path / 'a.png'), '--log'])
    assert (
        'different data: 20 images with 10 lesions and 10 images with 5 lesions'
    ) in capsys.readouterr().out


def test_user_mistakes_give_one_line(runs, tmp_path, capsys):
    good, bad = runs(good=summary(), bad={'recall': 1})
    text = tmp_path / 'notes.json'
    text.write_text('not json')
    damaged = tmp_path / 'damaged.json'
    write_json(damaged, {'format': summary()['format']})
    for file, message in (
        (tmp_path / 'none.json', 'no such file'),
        (bad, "field 'format' is None"),
        (text, 'not a JSON file'),
        (damaged, "'iou_thr'.* are missing"),
    ):
        line = error_of(capsys, good, str(file))
        assert str(file) in line
        assert re.search(message, line)
    assert 'got 2 for 1 file' in error_of(capsys, good, '--labels', 'a', 'b')
    assert 'same name' in error_of(capsys, good, bad, '--labels', 'a', 'a')
    assert 'ends in .png' in error_of(capsys, good, '--out', 'a.pdf')
    assert 'max_fppi' in error_of(
        capsys, good, '--max-fppi', '0', '--out', str(tmp_path / 'a.png')
    )


def test_default_labels(tmp_path):
    assert default_labels(['x/a/froc.json', 'x/b/froc.json']) == ['a', 'b']
    same = ['x/a/1.json', 'x/a/2.json']
    assert default_labels(same) == same


def test_help_ends_with_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        main(['plot-froc', '--help'])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert 'mammo plot-froc work_dirs' in text.split('example:')[1]
