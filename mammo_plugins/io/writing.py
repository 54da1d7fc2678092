"""Writing results: a file is there whole or not at all."""
import json
import os
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Union


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """Give a temporary name to write to; it takes the place of ``path`` at the end.

    On any failure ``path`` stays as it was and nothing else is left behind.

    Args:
        path (str | Path): The file; its folder is made when missing.

    Yields:
        Path: A name in the same folder, for only there a rename is sure to be one
        step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # still there only after a failure


def write_json(path: Union[str, Path], obj: Any) -> None:
    """Write an object as JSON, atomically.

    Args:
        path (str | Path): The file; its folder is made when missing.
        obj (Any): What ``json.dumps`` takes; the order of keys is kept.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot hold.
        TypeError: If a value has no JSON form, such as a NumPy array.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + '\n'
    with atomic_path(path) as temporary:
        with open(temporary, 'x', encoding='utf-8', newline='\n') as file:
            file.write(text)
