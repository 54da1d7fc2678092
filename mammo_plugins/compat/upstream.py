"""Check our dependencies on private or changeable parts of the libraries below us.

Each entry of :mod:`.leans` states what we rely on, where, why, and which checks it has.
``tests/test_compat/test_upstream.py`` checks every entry, and that the code relies on
nothing else. ``mammo doctor`` checks the entries on the user's machine. The page
``docs/reference/upstream.md`` is generated from this list::

    python -m mammo_plugins.compat.upstream
"""

import re
from collections.abc import Iterator
from importlib import metadata

from mammo_plugins.compat.leans import OF_ENGINE, OF_VISION
from mammo_plugins.compat.optional_packages import left_out

ASSUMPTIONS = OF_ENGINE + OF_VISION
"""tuple[Assumption]: Everything."""

SHADOWS = {
    'Resize': 'mmdet and mmcv weigh the nearest four pixels, whatever the factor, so '
    'that small calcifications go and noise stays; a pipeline taken from '
    'mmdet must not do so unseen. `mmdet.Resize` is theirs',
    'MLflowVisBackend': 'MLflow refuses names such as `recall@0.5`, long and nested '
    "settings; MMEngine's loses all metrics of a validation for one of them, or ends the "
    'run. `mmengine.MLflowVisBackend` is theirs',
    'WandbVisBackend': "MMEngine's uploads all Python files below the current folder and "
    'what is printed, which may name files. `mmengine.WandbVisBackend` is theirs',
}
"""Names of ours that mmdet, mmpretrain or MMEngine have too, and why.

A plain name is ours under ``default_scope = 'mammo'``, so that each other name would
change what a config of theirs means.
"""


def broken_assumptions() -> list[tuple[str, bool]]:
    """Check all assumptions on the installed libraries.

    Returns:
        list: For each that does not hold, what is wrong, and whether something is
        certain to fail.
    """
    return [fault for assumption in ASSUMPTIONS for fault in assumption.faults()]


def report() -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of ``mammo doctor`` on the libraries below us, once imported.

    Yields:
        tuple: Subject, finding, status ('ok', 'note' or 'problem'), and cure.
    """
    name, broken = 'assumptions on upstream', broken_assumptions()
    if broken:
        texts, fail = zip(*sorted(broken, key=lambda fault: not fault[1]))
        yield (
            name,
            f'{len(broken)} do not hold: {"; ".join(texts)}',
            'problem' if any(fail) else 'note',
            'install the versions that docs/reference/upstream.md names; it also '
            'says what to do for others',
        )
    else:
        yield name, f'all {len(ASSUMPTIONS)} hold', 'ok', ''
    for package, reason in left_out().items():
        try:
            version = f' {metadata.version(package)}'
        except metadata.PackageNotFoundError:
            version = ''
        need = [
            line.partition(';')[0].strip()
            for line in metadata.requires('onedl-mmpretrain') or ()
            if re.match(rf'{package}\b', line)
        ]
        yield (
            f'optional {package}',
            f'{package}{version} is left out of mmengine, mmdet or mmpretrain, which '
            f'cannot use it: {reason}',
            'note',
            f'needed only for their models that use it: pip install "{need[0]}"'
            if need
            else 'needed only for what of theirs uses it: python -c '
            f'"import {package}" says what is wrong with it',
        )


def table() -> Iterator[str]:
    """Yield the lines of the table on the page."""
    yield '| what | upstream, and what is checked | ours | why |'
    yield '| --- | --- | --- | --- |'
    for each in ASSUMPTIONS:
        leans = '<br>'.join(
            f'`{target.replace(":", ".")}` {check.says}'
            for target, check in each.leans.items()
        )
        files = '<br>'.join(f'`{file}`' for file in each.files)
        yield f'| {each.name} | {leans} | {files} | {each.why} |'


if __name__ == '__main__':
    print('\n'.join(table()))
