"""Creating an index of exams; several processes read headers, kept in a journal."""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from mammo_plugins.io import (
    DicomWarnings,
    JsonLines,
    MammogramError,
    ReadingLimits,
    write_json_lines,
)
from mammo_plugins.io.identity import Identity, shared_key, use_key
from mammo_plugins.stopping import raise_if_stopped, worker_pool
from mammo_plugins.version import __version__

from .exam_files import (
    FoundExams,
    FoundView,
    Paths,
    check_group_by,
    group_views,
    inspect_file,
    list_files,
)
from .exam_index import FORMAT, exam_line, view_facts, view_of
from .exam_sources import file_below, named_files

JOURNAL = '.headers'  # appended to the index's name until it is complete
_CHUNK = 64  # files per line of the journal and per task of the pool
_AHEAD = 4  # tasks per process


class _Header(NamedTuple):
    """The result of one file's header: a view, or the reason why there is none."""

    file: Path
    stamp: list[int] | None  # size and time
    view: FoundView | None
    reason: str


def _read_headers(
    files: Sequence[Path], modality: str | Sequence[str], key: bytes
) -> tuple[list[_Header], list[str]]:
    """Return the headers of files, and pydicom's warnings."""
    use_key(key)
    headers = []
    with DicomWarnings() as warned:
        for file in files:
            stamp, view, reason = _stamp(file), None, ''
            try:
                view = inspect_file(file, modality)
            except MammogramError as error:
                reason = error.reason
            headers.append(_Header(file, stamp, view, reason))
    return headers, sorted(warned.kinds)


def _stamp(file: Path) -> list[int] | None:
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


class _Numbers:
    """Numbers that replace identity hashes, which are never written.

    Within one session equal numbers mean equal hashes; numbers from another session
    have no meaning in it.
    """

    def __init__(self, session: int) -> None:
        self.session = session
        self._known: dict[str, int] = {}

    def of(self, identity: Identity) -> list[int | None]:
        """Return the number of each attribute."""
        return [
            None
            if (value := getattr(identity, field.name)) is None
            else self._known.setdefault(value, len(self._known))
            for field in fields(Identity)
        ]

    @staticmethod
    def identity(session: int, numbers: Sequence[int | None]) -> Identity:
        """Return an identity that compares like a session's numbers."""
        return Identity(*(None if n is None else f'{session}:{n}' for n in numbers))


class _Journal:
    """A journal of headers, from which a stopped search resumes.

    Args:
        path (Path): The file.
        info (dict): Everything it depends on; if that differs, the journal starts from
            scratch.
        root (Path): Folder to which file names are relative.
    """

    def __init__(self, path: Path, info: dict[str, Any], root: Path) -> None:
        self._lines, self._root = JsonLines(path), root
        self.sessions: dict[Path, int] = {}  # of files that earlier sessions read
        self.headers: dict[Path, _Header] = {}
        self.warned: set[str] = set()
        before, session = None, 0
        for line in self._lines:
            if line.keys() == {'info', 'session'}:
                before, session = line['info'], line['session']
            elif before == info:
                self._take(line, session)
        if before is not None and before != info:
            self.remove()
            session = 0
        self.numbers = _Numbers(session + 1)
        self._lines.append(dict(info=info, session=session + 1))

    def _take(self, line: dict[str, Any], session: int) -> None:
        self.warned.update(line['warned'])
        for entry in line['headers']:
            file, view = self._root / entry['file'], None
            if _stamp(file) != entry['stamp']:
                continue
            if entry['view'] is not None:
                view = view_of(
                    entry['view'],
                    self._root,
                    order=tuple(entry['order']),
                    study=entry['study'],
                    identity=_Numbers.identity(session, entry['identity']),
                )
            self.headers[file] = _Header(file, None, view, entry['reason'])
            self.sessions[file] = session

    def add(self, headers: Sequence[_Header], warned: Sequence[str]) -> None:
        """Store headers; identities become numbers in memory too, which are smaller."""
        entries = []
        for header in headers:
            view, more = header.view, {}
            if view is not None:
                numbers = self.numbers.of(view.identity)
                more = dict(order=view.order, study=view.study, identity=numbers)
                header = header._replace(view=self._numbered(view, numbers))
            entries.append(
                dict(
                    file=file_below(self._root, header.file),
                    stamp=header.stamp,
                    view=None if view is None else view_facts(view, self._root),
                    reason=header.reason,
                    **more,
                )
            )
            self.headers[header.file] = header._replace(stamp=None)
        self.warned.update(warned)
        self._lines.append(dict(headers=entries, warned=list(warned)))

    def read_again(self, view: FoundView, identity: Identity) -> FoundView:
        """Return an earlier session's view in a form comparable with this one's."""
        return self._numbered(view, self.numbers.of(identity))

    def _numbered(self, view: FoundView, numbers: Sequence[int | None]) -> FoundView:
        return replace(view, identity=_Numbers.identity(self.numbers.session, numbers))

    def remove(self) -> None:
        """Remove the file, which is in the index completely or does not apply."""
        self._lines.close()
        self._lines.path.unlink(missing_ok=True)


class _Headers:
    """Reads headers in the processes of a pool or in this one.

    Args:
        modality (str | Sequence[str]): Modality of the images to use.
        pool (ProcessPoolExecutor, optional): Defaults to ``None``, this process.
        ahead (int): Number of tasks in progress.
    """

    def __init__(
        self,
        modality: str | Sequence[str],
        pool: ProcessPoolExecutor | None,
        ahead: int,
    ) -> None:
        self.modality, self.pool, self.ahead = modality, pool, ahead

    def read(self, files: Sequence[Path]) -> Iterator[tuple[list[_Header], list[str]]]:
        """Yield the results of :func:`_read_headers` in the order of the files."""
        chunks = (files[i : i + _CHUNK] for i in range(0, len(files), _CHUNK))
        tasks = ((chunk, self.modality, shared_key()) for chunk in chunks)
        if self.pool is None:
            yield from (_read_headers(*task) for task in tasks)
            return
        waiting: deque[Future] = deque(
            self.pool.submit(_read_headers, *task) for task in islice(tasks, self.ahead)
        )
        while waiting:
            done = waiting.popleft().result()
            waiting += (
                self.pool.submit(_read_headers, *task) for task in islice(tasks, 1)
            )
            yield done


def index_exams(
    path: Paths,
    out: str | Path,
    modality: str | Sequence[str] = 'FFDM',
    group_by: str = 'study',
    workers: int = 1,
) -> dict[str, Any]:
    """Find the exams of an archive and write an index of them.

    The result equals that of :func:`find_exams`, which reads the same headers
    sequentially. A stopped search resumes from ``OUT.headers`` next to the index, which
    is removed once the index is complete. One or two kilobytes per file are kept in
    memory, since an exam's files may be anywhere.

    Args:
        path (str | Path | Sequence): As in :func:`named_files`.
        out (str | Path): The index.
        modality (str | Sequence[str]), group_by (str): As in :func:`find_exams`.
        workers (int): Most processes that read headers; 1 means this process, which
            also reads few files. Defaults to 1.

    Returns:
        dict: Its last line: ``exams``, ``views``, ``files``, ``left_out`` (number of
        files by reason) and ``notes``.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        MammogramError: If a DICOMDIR cannot be read.
        ValueError: If ``group_by`` is unknown.
    """
    check_group_by(group_by)
    out = Path(out)
    paths, left_out, root = named_files(path)
    found = FoundExams(skipped=left_out)
    files = [file for file in list_files(paths, found) if not _is_own(file, out)]
    info = dict(
        format=FORMAT,
        version=__version__,
        root=str(root),
        modality=modality if isinstance(modality, str) else list(modality),
        limits=str(ReadingLimits.current()),
    )
    journal = _Journal(out.with_name(out.name + JOURNAL), info, root)
    _say_what_is_there(journal, out)
    wanted = [file for file in files if file not in journal.headers]
    workers = min(workers, -(-len(wanted) // _CHUNK))
    with worker_pool(workers) if workers > 1 else nullcontext() as pool:
        headers = _Headers(modality, pool, _AHEAD * workers)
        bar = tqdm(total=len(wanted), desc='headers', unit='file')
        for read, warned in headers.read(wanted):
            raise_if_stopped()
            journal.add(read, warned)
            bar.update(len(read))
        bar.close()
        usable = _usable(files, journal, found, headers, group_by)
    group_views(found, usable, modality, group_by)
    found.notes += [f'pydicom: {kind}' for kind in sorted(journal.warned)]
    counts = _counts(found)
    write_json_lines(out, _lines(found, root, info, group_by, counts))
    journal.remove()
    return counts


def _is_own(file: Path, out: Path) -> bool:
    """Return whether a file of the archive is the index or its journal."""
    return file.name in (out.name, out.name + JOURNAL) and (
        file.parent.resolve() == out.parent.resolve()
    )


def _say_what_is_there(journal: _Journal, out: Path) -> None:
    if journal.headers:
        print(
            f'{out}: the headers of {len(journal.headers)} files are kept from an '
            'earlier start; those of unchanged files are not read again'
        )


def _usable(
    files: Sequence[Path],
    journal: _Journal,
    found: FoundExams,
    headers: _Headers,
    group_by: str,
) -> list[FoundView]:
    """Return the views among files; list the others as left out."""
    usable = []
    for file in files:
        header = journal.headers.pop(file)
        if header.view is None:
            found.skipped.append((file, header.reason))
        else:
            usable.append(header.view)
    mixed = _of_several_sessions(usable, journal.sessions, group_by)
    again = {
        each.file: journal.read_again(each.view, each.view.identity)
        for read, _ in headers.read(mixed)
        for each in read
        if each.view is not None
    }
    return [again.get(view.path, view) for view in usable]


def _of_several_sessions(
    views: Sequence[FoundView], sessions: dict[Path, int], group_by: str
) -> list[Path]:
    """Return the files that are compared with files of another session.

    Identifying elements are not written, so these files are read again: those of a
    study or folder that an interruption split, and all files if each folder and most
    studies contain one file, since a note depends on all of them together.
    """
    if not sessions:
        return []
    sets: dict[Any, set[int]] = {}
    for view in views:
        for key in (view.study, view.path.parent):
            sets.setdefault(key, set()).add(sessions.get(view.path, 0))
    studies = Counter(view.study for view in views)
    folders = {view.path.parent for view in views}
    alone = len(folders) == len(views) and (
        2 * list(studies.values()).count(1) > len(studies)
    )
    return [
        view.path
        for view in views
        if alone or max(len(sets[view.study]), len(sets[view.path.parent])) > 1
    ]


def _counts(found: FoundExams) -> dict[str, Any]:
    reasons = Counter(reason for _, reason in found.skipped)
    exams = found.exams.values()
    others = [
        reason
        for views in exams
        for name, view in views.items()
        for _, reason in found.reasons_of_others(name, view)
    ]
    kinds = Counter(reason.partition(';')[0] for reason in others)
    views = sum(map(len, exams))
    return dict(
        exams=len(exams),
        views=views,
        files=views + len(others) + len(found.skipped),
        left_out=dict((reasons + kinds).most_common()),
        notes=found.notes,
    )


def _lines(
    found: FoundExams,
    root: Path,
    info: dict[str, Any],
    group_by: str,
    counts: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    yield dict(index=dict(info, group_by=group_by))
    for key in found.exams:
        yield exam_line(key, found, root)
    for file, reason in found.skipped:
        yield dict(file=file_below(root, file), reason=reason)
    yield counts
