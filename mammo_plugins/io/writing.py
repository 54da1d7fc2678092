"""Writing results: a file is there whole or not at all."""
import json
import os
import uuid
from pathlib import Path
from typing import Any, Union


def write_json(path: Union[str, Path], obj: Any) -> None:
    """Write an object as JSON, atomically.

    The text goes to a temporary name in the same folder, which then takes the
    place of ``path`` in one step. On any failure ``path`` stays as it was.

    Args:
        path (str | Path): The file; its folder is made when missing.
        obj (Any): What ``json.dumps`` takes; the order of keys is kept.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot hold.
        TypeError: If a value has no JSON form, such as a NumPy array.
    """
    path = Path(path)
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + '\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        with open(temporary, 'x', encoding='utf-8', newline='\n') as file:
            file.write(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # still there only after a failure
