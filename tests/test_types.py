"""The type hints of the parts that are used alone hold, as mypy sees it."""

import configparser
import getpass
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from test_structure import PACKAGE, ROOT, WITHOUT_TORCH

pytest.importorskip('mypy', reason="mypy is absent; pip install 'mammo_plugins[lint]'")


def check(*arguments):
    # kept, since a second run reads what the first has found out about the libraries
    cache = Path(tempfile.gettempdir(), f'{PACKAGE}_mypy_{getpass.getuser()}')
    return subprocess.run(
        [sys.executable, '-m', 'mypy', '--cache-dir', cache, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(
    int(np.__version__.split('.')[0]) < 2, reason='hints are those of NumPy 2'
)
def test_mypy_is_content():
    run = check()
    assert run.returncode == 0, run.stdout + run.stderr


def test_faults_are_found(tmp_path):
    """The settings are strict, and no missing hint passes for a right one."""
    path = tmp_path / 'faulty.py'
    path.write_text(
        'def f(x):\n'
        '    return x\n'
        'def g(x: int | None) -> int:\n'
        '    return x\n'
        'def h(x: list[int]) -> str:\n'
        "    return ''.join(x)\n"
        'import no_such_library\n'
    )
    lines = check(path).stdout.splitlines()[:-1]
    assert [line.split(':')[1] for line in lines if 'error' in line] == list('1467')


def test_all_that_is_used_alone_is_checked():
    settings = configparser.ConfigParser()
    settings.read(ROOT / 'mypy.ini')
    assert settings['mypy']['files'].split(', ') == [
        f'{PACKAGE}/{package.replace(".", "/")}' for package in sorted(WITHOUT_TORCH)
    ]
