"""Errors of users, in one line."""

import pytest

from mammo_cli.errors import user_errors
from mammo_plugins.io import MammogramError
from mammo_plugins.registry import METRICS


def test_errors_of_data_loading_processes(capsys):
    text = (
        'Caught MammogramError in DataLoader worker process 0.\nOriginal '
        'Traceback (most recent call last):\n  File "x.py"\n'
        'mammo_plugins.io.errors.MammogramError: a.dcm: truncated'
    )
    with pytest.raises(SystemExit) as stop:
        with user_errors():
            raise RuntimeError(text)
    assert stop.value.code == 2
    assert capsys.readouterr().err == 'error: a.dcm: truncated\n'


def test_an_interruption_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop, user_errors():
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err == 'interrupted\n'


def test_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        with user_errors():
            1 / 0
    with pytest.raises(SystemExit):
        with user_errors():
            raise MammogramError('a.dcm', 'empty')


@pytest.mark.parametrize(
    'build',
    [
        lambda: METRICS.build(dict(type='ROCMetric', clas_names=('a', 'b'))),
        lambda: METRICS.build(dict(type='ROCMetric', class_names=('a',))),
    ],
)
def test_wrong_settings_of_components(build, capsys):
    """A misspelt or impossible argument of a config is no bug."""
    with pytest.raises(SystemExit) as stop, user_errors():
        build()
    assert stop.value.code == 2
    assert 'clas' in capsys.readouterr().err
