"""Numbers on the command line."""

import pytest


@pytest.mark.parametrize('value', ['nan', 'inf', 'a'])
@pytest.mark.parametrize(
    'tool, words, option, more',
    [
        (
            'analysis_tools/subgroups.py',
            ['r.json', 'a.json', '--by', 'a'],
            '--threshold',
            0,
        ),
        ('analysis_tools/plot_froc.py', ['a.json'], '--max-fppi', 0),
        ('dataset_converters/phantom.py', ['--exams', 4, '--out', 'o'], '--split', 2),
        ('dataset_converters/inbreast.py', ['--out', 'o'], '--ratios', 2),
    ],
)
def test_numbers_are_finite(tool, words, option, more, value, run_tool):
    """NaN is neither below nor above a limit, and would pass every check."""
    rest = ['0.5'] * more
    first = [f'{option}={value}'] if not more else [option, *rest, value]
    done = run_tool(f'tools/{tool}', *words, *first)
    assert done.returncode == 2
    assert f'{option}: {value}: expected a finite number' in done.err
