"""All checks as a table or as JSON, without personal information about the user."""

import contextlib
import getpass
import json
import os
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from .check import ROOT, Check
from .decoders import decoder_checks
from .machine import gpu_check, system_checks
from .packages import (
    LIBRARIES,
    OPENMMLAB,
    OPTIONAL,
    TORCH,
    operators_check,
    optional_check,
    package_check,
    plugin_check,
    upstream_checks,
)


def all_checks() -> list[Check]:
    """Run every check, in the order of the table."""
    # The plug-in comes first: it installs the operators that mmcv.ops imports.
    plugin = plugin_check()
    return [
        plugin,
        *system_checks(),
        *map(package_check, TORCH),
        gpu_check(),
        *map(package_check, OPENMMLAB),
        operators_check(),
        *upstream_checks(),
        *map(package_check, LIBRARIES),
        *map(optional_check, OPTIONAL),
        *decoder_checks(),
    ]


def scrub(text: str) -> str:
    """Replace folders and names that identify the user or the machine."""
    folders = {
        str(ROOT): '<repo>',
        sys.prefix: '<env>',
        os.getcwd(): '<cwd>',
        str(Path.home()): '~',
    }
    for folder in sorted(folders, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(folder, folders[folder])
    names = {}
    with contextlib.suppress(Exception):  # some containers have no such user
        names[getpass.getuser()] = '<user>'
    names[socket.gethostname()] = '<host>'
    for name, stand_in in names.items():
        if name:
            text = re.sub(rf'(?<!\w){re.escape(name)}(?!\w)', stand_in, text)
    return text


def table(checks: Sequence[Check]) -> str:
    """Return the table as Markdown that also reads well as plain text."""
    rows = [
        ('check', 'found', 'status'),
        *((c.name, c.found.replace('|', '/'), c.status) for c in checks),
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(map(str.ljust, row, widths)) + ' |' for row in rows]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    for status, title in (
        ('problem', 'Problems'),
        ('note', 'Notes'),
        ('optional', 'Optional'),
    ):
        of_status = [check for check in checks if check.status == status]
        if of_status:
            lines += ['', f'{title}:']
        for check in of_status:
            lines += [f'- {check.name}: {check.found}', f'  Fix: {check.cure}']
    problems = sum(check.status == 'problem' for check in checks)
    lines += [
        '',
        f'{problems} requirement(s) missing or wrong; see Problems.'
        if problems
        else 'All requirements are met.',
    ]
    return '\n'.join(lines)


def report(as_json: bool) -> int:
    """Print the report.

    Args:
        as_json (bool): Whether to print a JSON object in place of the table.

    Returns:
        int: 0 if everything required is present, else 1.
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    print('Importing every package; this takes a few seconds.', file=sys.stderr)
    checks = [replace(check, found=scrub(check.found)) for check in all_checks()]
    failed = any(check.status == 'problem' for check in checks)
    if as_json:
        print(
            json.dumps(
                dict(ok=not failed, checks=[asdict(c) for c in checks]), indent=2
            )
        )
    else:
        print(table(checks))
    return int(failed)
