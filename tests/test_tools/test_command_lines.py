"""What holds for every command."""
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'
COMMANDS = sorted(TOOLS.rglob('*.py')) + sorted(TOOLS.rglob('*.sh'))


@pytest.mark.parametrize('path', COMMANDS, ids=lambda p: p.name)
def test_help_ends_with_an_example(path):
    runner = ['bash'] if path.suffix == '.sh' else [sys.executable]
    done = subprocess.run([*runner, path, '--help'], text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    _, _, example = done.stdout.lower().rpartition('example')
    assert path.name in example
