"""The notices of mmdet and mmpretrain about absent packages, and nothing else."""

import logging

import pytest
from fresh_python import fresh_python
from mmengine import logging as mmengine_logging

from mammo_plugins.compat import silence_import_notices

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


COCO_WARNING = 'faster_coco_eval is not installed'
# as if it were absent; fresh_python ignores all warnings
WARNS = """import sys, warnings
sys.modules['faster_coco_eval'] = None
warnings.simplefilter('default')
import mammo_plugins
{fence}
import mmdet.evaluation
warnings.warn('{other}')
"""


@pytest.mark.parametrize('fence', ['', 'warnings.resetwarnings()'])
def test_importing_the_metrics_of_mmdet(fence, tmp_path):
    """Only mmdet's own warning is dropped, not the same text of another module."""
    other = f'{COCO_WARNING}, says a user'
    done = fresh_python(tmp_path, WARNS.format(fence=fence, other=other))
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if COCO_WARNING in line]
    assert len([line for line in said if other in line]) == 1
    assert len(said) == (2 if fence else 1), said


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
    silence_import_notices()
    assert mmengine_logging.print_log is placed
