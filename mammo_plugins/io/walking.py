"""Finding the files below a folder, each folder once."""

import os
from dataclasses import dataclass, field
from pathlib import Path

DEAD_LINK = 'link that leads nowhere'
LOOP = 'link to a folder that is searched anyway, not followed again'
UPWARD = 'link to a folder that it lies in, not followed'
CLOSED = 'folder or file that cannot be read'


@dataclass
class WalkedFolder:
    """The files below a folder.

    Attributes:
        files (list[Path]): Below the root as it was given, sorted.
        left_out (list[tuple[Path, str]]): Links and folders that were not followed,
            and why: ``DEAD_LINK``, ``LOOP``, ``UPWARD`` or ``CLOSED``.
        hidden (int): Files and folders whose name begins with a dot; not looked into.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    hidden: int = 0


def walk_folder(root: str | Path) -> WalkedFolder:
    """Find all files below a folder, in linked folders too.

    A folder is told by its device and inode. One that is reached by several ways is
    searched once: by its own path where that lies below the root, else by the link
    that comes first.

    Args:
        root (str | Path): The folder.

    Raises:
        NotADirectoryError: If it is none.
    """
    root = Path(root)
    if not root.is_dir():
        raise NotADirectoryError(f'{root}: no such folder')
    walked = WalkedFolder()
    searched: set[tuple[int, int]] = set()
    starts = [root]
    while starts:  # links wait until all that is no link is searched
        starts = sorted(_search(starts, searched, walked))
    walked.files.sort()
    walked.left_out.sort()
    return walked


def _search(
    starts: list[Path], searched: set[tuple[int, int]], walked: WalkedFolder
) -> list[Path]:
    """Search folders with their own ones; return the links to folders in them."""
    links: list[Path] = []
    for start in starts:
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                stat = os.stat(folder)
                if (stat.st_dev, stat.st_ino) in searched:
                    walked.left_out.append((folder, LOOP))
                    continue
                if _leads_up(folder):
                    walked.left_out.append((folder, UPWARD))
                    continue
                searched.add((stat.st_dev, stat.st_ino))
                entries = list(os.scandir(folder))
            except OSError:
                walked.left_out.append((folder, CLOSED))
                continue
            for entry in entries:
                try:
                    _sort(entry, walked, folders, links)
                except OSError:  # of a folder that lists names and shows no files
                    walked.left_out.append((Path(entry.path), CLOSED))
    return links


def _leads_up(folder: Path) -> bool:
    """Tell whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and Path(os.path.realpath(folder.parent)).is_relative_to(
        os.path.realpath(folder)
    )


def _sort(
    entry: os.DirEntry, walked: WalkedFolder, folders: list[Path], links: list[Path]
) -> None:
    """Put an entry of a folder where it belongs."""
    path = Path(entry.path)
    if entry.name.startswith('.'):
        walked.hidden += 1
    elif entry.is_symlink() and not os.path.exists(path):  # a loop of links too
        walked.left_out.append((path, DEAD_LINK))
    elif entry.is_dir():
        (links if entry.is_symlink() else folders).append(path)
    elif entry.is_file():
        walked.files.append(path)
    else:
        walked.left_out.append((path, 'neither file nor folder'))
