"""Finding the files to check, with only Python's standard library."""

from collections.abc import Sequence
from pathlib import Path

SPLITS = ('train', 'val', 'test')


def find_annotations(targets: Sequence[Path]) -> list[Path]:
    """Return the annotation files of data roots and of paths to JSON files.

    Raises:
        FileNotFoundError: If there are none.
    """
    files = []
    for target in targets:
        if target.is_file():
            files.append(target)
            continue
        if not target.is_dir():
            raise FileNotFoundError(f'{target}: no such file or folder')
        found = [target / 'annotations' / f'{name}.json' for name in SPLITS]
        found = [path for path in found if path.is_file()]
        if not found:
            raise FileNotFoundError(
                f'{target}: no annotations/train.json, val.json or test.json; '
                'make them with mammo convert'
            )
        files += found
    return files
