"""Resolving the sources of exams: folders, DICOMDIR files and lists."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mammo_plugins.io.dicomdir import is_dicomdir, read_dicomdir

from .exam_files import Paths, paths_of

LIST = '.txt'


class Named(NamedTuple):
    """The files and folders that the sources name.

    Attributes:
        paths (list[Path]): Files and folders, absolute, each once.
        left_out (list[tuple[Path, str]]): Entries that are named but missing, with the
            reason; outside the root, the list and its line stand for the path.
        root (Path): Folder to which names are relative.
    """

    paths: list[Path]
    left_out: list[tuple[Path, str]]
    root: Path


def named_files(path: Paths) -> Named:
    """Replace each DICOMDIR and list by the paths it names; keep other paths.

    Args:
        path (str | Path | Sequence[str | Path]): Folders, files, files named
            ``DICOMDIR``, and text files (``.txt``) with one path per line, relative to
            their folder; lines that begin with ``#`` are comments.

    Raises:
        FileNotFoundError: If a file or folder does not exist, or none is named.
        MammogramError: If a DICOMDIR cannot be read.
    """
    found: list[Path] = []
    left_out: list[tuple[Path, str, str]] = []
    below: list[Path] = []
    for each in paths_of(path):
        each = Path(os.path.abspath(each))
        if each.is_file() and is_dicomdir(each):
            files, missing = read_dicomdir(each)
            others = [(file, each.name, reason) for file, reason in missing]
            below.append(each.parent)
        elif each.is_file() and each.suffix.lower() == LIST:
            files, others = _listed(each)
            below += files
        else:
            files, others = [each], []
            below.append(each)
        found += files
        left_out += others
    if not found:
        raise FileNotFoundError('no file or folder that is there is named')
    root = common_folder(below)
    shown = [
        (file if file.is_relative_to(root) else root / source, reason)
        for file, source, reason in left_out
    ]
    return Named(list(dict.fromkeys(found)), shown, root)


def _listed(path: Path) -> tuple[list[Path], list[tuple[Path, str, str]]]:
    """Return files, and missing ones with their line of the list and the reason."""
    files, left_out = [], []
    with open(path, encoding='utf-8-sig', errors='surrogateescape') as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip('\r\n')
            # a name may end with a space or begin with #, but hardly any does
            named = [
                Path(os.path.abspath(path.parent / text))
                for text in (line, line.strip())
                if text.strip() and '\0' not in text
            ]
            there = next((file for file in named if file.exists()), None)
            if there is not None:
                files.append(there)
            elif line.strip() and not line.lstrip().startswith('#'):
                file = named[-1] if named else path.parent / f'{path.name}:{number}'
                left_out.append(
                    (file, f'{path.name}:{number}', 'named by the list, but not there')
                )
    return files, left_out


def common_folder(paths: Sequence[Path]) -> Path:
    """Return the folder to which names in the predictions are relative.

    Args:
        paths (Sequence[Path]): Files and folders of exams.
    """
    folders = list(
        dict.fromkeys(path if path.is_dir() else path.parent for path in paths)
    )
    return (
        folders[0]
        if len(folders) == 1
        else Path(os.path.commonpath([folder.absolute() for folder in folders]))
    )


def file_below(root: Path, file: Path) -> str:
    """Return a file's name relative to a folder, with ``/`` between its parts."""
    return Path(os.path.relpath(file, root)).as_posix()
