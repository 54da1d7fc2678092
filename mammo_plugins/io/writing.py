"""Writing results atomically: a file is complete or does not exist."""

import errno
import hashlib
import logging
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mammo_plugins.io.json_files import json_text
from mammo_plugins.io.regular import IrregularFileError
from mammo_plugins.printable import one_line

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OF_FILES = (
    *_FULL,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EMFILE,
    errno.EIO,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOENT,
)
_FOLDER = 'mammo-{place}-{pid}-'
_OUR_FOLDER = re.compile(r'mammo-([0-9a-f]{12})-(\d+)-\w+')
_TEMPORARY = '.mammo-{place}-{pid}-{name}.tmp'  # short even for long file names
_OURS = re.compile(r'\.mammo-([0-9a-f]{12})-(\d+)-[0-9a-f]{32}\.tmp')
_OLD = 24 * 3600  # seconds; no file takes that long to write
_logger = logging.getLogger(__name__)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name to write to, which replaces ``path`` at the end.

    On any failure ``path`` stays unchanged and nothing else is left behind. Only a
    killed process leaves its temporary file; the next one that writes into the folder
    removes it and reports that.

    Args:
        path (str | Path): The file; its folder is created if missing.

    Yields:
        Path: A name in the same folder, since only there a rename is certainly atomic.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean_once(str(path.parent.absolute()), os.getpid())
    temporary = path.with_name(
        _TEMPORARY.format(place=_place(), pid=os.getpid(), name=uuid.uuid4().hex)
    )
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)  # errors of a full disk do not name the file
        raise
    finally:
        temporary.unlink(missing_ok=True)  # exists only after a failure


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder among the system's temporary files, removed at the end.

    Only a killed process leaves it. Since it may contain pixels, the same user's next
    process that requests a folder removes it.
    """
    _clear_folders_once(tempfile.gettempdir(), os.getpid())
    prefix = _FOLDER.format(place=_place(), pid=os.getpid())
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        yield Path(folder)


@lru_cache(maxsize=4096)
def _clear_folders_once(parent: str, pid: int) -> None:
    """Remove the folders that killed processes left, once per process."""
    for left in Path(parent).glob('mammo-*-*-*'):
        ours = _OUR_FOLDER.fullmatch(left.name)
        try:
            if ours and left.lstat().st_uid == os.getuid() and _is_gone(*ours.groups()):
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # removed by another process
            continue


@cache
def _place() -> str:
    """Return the scope of process ids: machine and container."""
    facts = [socket.gethostname()]
    for read in (
        lambda: os.readlink('/proc/self/ns/pid'),
        lambda: Path('/proc/sys/kernel/random/boot_id').read_text(),
    ):
        try:
            facts.append(read())
        except OSError:  # not Linux
            continue
    return hashlib.sha1('|'.join(facts).encode()).hexdigest()[:12]


@lru_cache(maxsize=4096)
def _clean_once(folder: str, pid: int) -> None:
    """Remove the files that killed processes left, once per folder and process."""
    count = remove_leftovers(folder)
    if count:
        _logger.warning(
            '%s: %d temporary file%s of a killed process removed',
            folder,
            count,
            's' if count > 1 else '',
        )


def remove_leftovers(folder: str | Path) -> int:
    """Remove the temporary files of :func:`atomic_path` whose process is gone.

    Files from another machine or container, whose processes cannot be checked, are
    removed after a day.

    Args:
        folder (str | Path): The folder; subfolders are not searched.

    Returns:
        int: The number of files removed.
    """
    count = 0
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return 0
    for entry in entries:
        ours = _OURS.fullmatch(entry.name)
        try:
            if (
                ours
                and entry.is_file(follow_symlinks=False)
                and (
                    _is_gone(*ours.groups())
                    or time.time() - entry.stat().st_mtime > _OLD
                )
            ):
                os.unlink(entry.path)
                count += 1
        except OSError:  # removed by another process, or no permission
            continue
    return count


def _is_gone(place: str, pid: str) -> bool:
    if place != _place():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # of another user
        return False
    return False


def write_json(path: str | Path, obj: Any) -> None:
    """Write an object as JSON, atomically.

    Args:
        path (str | Path): The file; its folder is made when missing.
        obj (Any): An object that ``json.dumps`` accepts; the order of keys is kept.
            Values of a dict that are :class:`Entries` are written as lists, one entry
            at a time.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot represent.
        TypeError: If a value has no JSON form, such as a NumPy array.
    """
    streamed = isinstance(obj, dict) and any(
        isinstance(value, Entries) for value in obj.values()
    )
    texts = _dict_texts(obj) if streamed else [json_text(obj, indent=2)]
    with atomic_path(path) as temporary:
        with open(temporary, 'x', encoding='utf-8', newline='\n') as file:
            for text in texts:
                file.write(text)
            file.write('\n')


class Entries:
    """A list whose entries are generated again in each iteration.

    Args:
        make (callable): Returns an iterator over them.
    """

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return self._make()


def _dict_texts(obj: dict[str, Any]) -> Iterator[str]:
    """Yield the text of ``json_text`` for a dict, with Entries as lists."""
    before = '{\n'
    for key, value in obj.items():
        yield f'{before}  {json_text(key)}: '
        before = ',\n'
        if isinstance(value, Entries):
            yield from _list_texts(value)
        else:
            yield _indented(value, 1)
    yield '\n}'


def _list_texts(entries: Entries) -> Iterator[str]:
    before = '[\n    '
    for entry in entries:
        yield before + _indented(entry, 2)
        before = ',\n    '
    yield '[]' if before[0] == '[' else '\n  ]'


def _indented(obj: Any, depth: int) -> str:
    # a line break within a text is an escape
    return json_text(obj, indent=2).replace('\n', '\n' + '  ' * depth)


def file_error(error: BaseException) -> str | None:
    """Return the message to users for a file system error.

    Args:
        error (BaseException): Any error.

    Returns:
        str or None: One line; ``None`` for an error of another kind.
    """
    if isinstance(error, IrregularFileError):
        return str(error)
    if not isinstance(error, OSError) or error.errno not in _OF_FILES:
        return None
    where = f'{one_line(error.filename)}: ' if error.filename else ''
    if error.errno in _FULL:
        return (
            f'{where}cannot be written: {os.strerror(error.errno)}. Make room; what '
            'was written before is whole'
        )
    return f'{where}{os.strerror(error.errno)}'
