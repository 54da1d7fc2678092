"""What holds for every command."""
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'
SCRIPTS = sorted(TOOLS.rglob('*.sh'))


@pytest.mark.parametrize('path', sorted(TOOLS.rglob('*.py')), ids=lambda p: p.name)
def test_help_ends_with_an_example(path, run_tool):
    done = run_tool(path, '--help')
    assert done.returncode == 0, done.err
    check_help(path, done.out)


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda p: p.name)
def test_help_of_scripts_ends_with_an_example(path):
    done = subprocess.run(['bash', path, '--help'], text=True, capture_output=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    check_help(path, done.stdout)


def check_help(path, text):
    _, _, example = text.lower().rpartition('example')
    assert path.name in example
