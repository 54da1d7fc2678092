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
        files (list[Path]): Paths below the root as given, sorted.
        left_out (list[tuple[Path, str]]): Links and folders that were not followed,
            and why: ``DEAD_LINK``, ``LOOP``, ``UPWARD`` or ``CLOSED``.
        hidden (int): Number of files and folders whose name begins with a dot; not
            searched.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    hidden: int = 0


def walk_folder(root: str | Path) -> WalkedFolder:
    """Find all files below a folder, including linked folders.

    A folder is identified by its device and inode. A folder with several paths is
    searched once: by its own path if that is below the root, else by the first link.

    Args:
        root (str | Path): The folder.

    Raises:
        NotADirectoryError: If it is not a folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise NotADirectoryError(f'{root}: no such folder')
    walked = WalkedFolder()
    searched: set[tuple[int, int]] = set()
    starts = [root]
    while starts:  # links wait until everything else is searched
        starts = sorted(_search(starts, searched, walked))
    walked.files.sort()
    walked.left_out.sort()
    return walked


def _search(
    starts: list[Path], searched: set[tuple[int, int]], walked: WalkedFolder
) -> list[Path]:
    """Search folders and their subfolders; return the links to folders in them."""
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
                except OSError:  # a folder that lists names but denies access to files
                    walked.left_out.append((Path(entry.path), CLOSED))
    return links


def _leads_up(folder: Path) -> bool:
    """Return whether a folder is a link to a folder that contains it."""
    return folder.is_symlink() and Path(os.path.realpath(folder.parent)).is_relative_to(
        os.path.realpath(folder)
    )


def _sort(
    entry: os.DirEntry, walked: WalkedFolder, folders: list[Path], links: list[Path]
) -> None:
    """Add a folder's entry to the list it belongs to."""
    path = Path(entry.path)
    if entry.name.startswith('.'):
        walked.hidden += 1
    elif entry.is_symlink() and not os.path.exists(path):  # or a loop of links
        walked.left_out.append((path, DEAD_LINK))
    elif entry.is_dir():
        (links if entry.is_symlink() else folders).append(path)
    elif entry.is_file():
        walked.files.append(path)
    else:
        walked.left_out.append((path, 'neither file nor folder'))
