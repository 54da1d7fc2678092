"""Writing results: a file is there whole or not at all."""
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Union


def write_json(path: Union[str, Path], obj: Any) -> None:
    """Write an object as JSON, atomically.

    The text goes to a temporary name in the same folder, which then takes the
    place of ``path`` in one step. On any failure ``path`` stays as it was.

    Args:
        path (str | Path): The file; its folder must exist.
        obj (Any): What ``json.dumps`` takes; the order of keys is kept.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot hold.
        TypeError: If a value has no JSON form, such as a NumPy array.
    """
    path = Path(path)
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + '\n'
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.name}.', suffix='.tmp')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8', newline='\n') as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes private files
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    """Return the umask of this process, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
