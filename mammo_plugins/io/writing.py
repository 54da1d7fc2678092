"""Writing results: a file is there whole or not at all."""
import errno
import os
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Optional, Union

from mammo_plugins.io.json_files import json_text
from mammo_plugins.printable import one_line

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OF_FILES = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR,
             errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.EIO,
             errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOENT)


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
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)  # a full disk does not tell the file
        raise
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
    text = json_text(obj, indent=2) + '\n'
    with atomic_path(path) as temporary:
        with open(temporary, 'x', encoding='utf-8', newline='\n') as file:
            file.write(text)


def file_error(error: BaseException) -> Optional[str]:
    """Return what to tell a user of an error of the file system.

    Args:
        error (BaseException): Any.

    Returns:
        str or None: One line; ``None`` for an error of another kind.
    """
    if not isinstance(error, OSError) or error.errno not in _OF_FILES:
        return None
    where = f'{one_line(error.filename)}: ' if error.filename else ''
    if error.errno in _FULL:
        return (f'{where}cannot be written: {os.strerror(error.errno)}. Make room; what '
                'was written before is whole')
    return f'{where}{os.strerror(error.errno)}'
