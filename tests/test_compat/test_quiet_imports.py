"""The notice of mmdet and mmpretrain that a client is absent, and nothing else."""

import logging

import pytest
from fresh_python import fresh_python
from mmengine import logging as mmengine_logging

from mammo_plugins.compat import silence_onedl_notice

NOTICES = ('Could not import OneDL', 'Could not import OneDL. Skipping OneDL datasets.')


IMPORTS = 'import mmdet.datasets, mmpretrain.datasets'
UNFENCED = 'import mmengine.logging as m\nm.print_log = m.print_log.__wrapped__\n'


@pytest.mark.parametrize('fence', ['', UNFENCED])
def test_importing_mmdet_and_mmpretrain(fence, tmp_path):
    """With the fence the line is gone; without it, it is there."""
    done = fresh_python(tmp_path, f'import mammo_plugins\n{fence}{IMPORTS}')
    assert done.returncode == 0, done.stderr
    said = [
        line for line in (done.stdout + done.stderr).splitlines() if 'OneDL' in line
    ]
    assert set(said) == (set(NOTICES) if fence else set())


@pytest.mark.parametrize('notice', NOTICES)
def test_only_this_line_is_dropped(capsys, notice):
    mmengine_logging.print_log(notice, level=logging.DEBUG)
    assert capsys.readouterr().out == ''
    for arguments in (
        (notice,),
        (notice, None, logging.WARNING),
        ('Could not import OneD', None, logging.DEBUG),
        ('before: Could not import OneDL', None, logging.DEBUG),
        (['a list'], None, logging.DEBUG),
    ):
        mmengine_logging.print_log(*arguments)
        assert capsys.readouterr().out == f'{arguments[0]}\n'


def test_loggers_are_served_as_before(caplog):
    logger = logging.getLogger('test_quiet_imports')
    with caplog.at_level(logging.DEBUG, logger.name):
        mmengine_logging.print_log(NOTICES[0], logger=logger, level=logging.DEBUG)
    assert caplog.messages == [NOTICES[0]]
    with pytest.raises(ValueError, match='has not been created'):
        mmengine_logging.print_log('text', logger='no such logger')


def test_it_is_put_in_place_once():
    placed = mmengine_logging.print_log
    silence_onedl_notice()
    assert mmengine_logging.print_log is placed
