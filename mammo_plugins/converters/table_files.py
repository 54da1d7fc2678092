"""Finding the files named in table cells."""

import difflib
import posixpath
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

from .raw_folder import RawFolder, plain

_SUFFIX = re.compile(r'\.(dcm|dicom|png|tiff?|jpe?g|pgm|bmp|jp2)$')
_DICOM = ('', '.dcm', '.dicom')
_ABSOLUTE = re.compile(r'[a-z]:/|/|~')
_MOST_NAMES = 20000  # beyond this, searching similar ones takes too long
_NEAR = 3


def is_foreign(cell: str) -> bool:
    """Return whether a cell is an absolute path, perhaps from another computer."""
    return _ABSOLUTE.match(_folded(cell).replace('\\', '/')) is not None


class FileFinder:
    """Finds the files named in cells, ignoring case and kind of slash.

    A cell contains a path below the folder or its end. It may also contain a path that
    starts further up or on another computer, such as ``D:\\data\\exam1\\1.dcm``, if it
    ends in a file's whole path below the folder. ``.dcm`` may be missing in the cell or
    in the folder, and any suffix may be missing in the cell.

    Args:
        folder (RawFolder): The folder of the files.
    """

    def __init__(self, folder: RawFolder) -> None:
        self.root = _folded(folder.root.resolve().as_posix())
        self._exact = {plain(file.as_posix()): file for file in folder.files}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in folder.files:
            name = _folded(file.name)
            self._by_name[name].append(file)
            self._by_stem[_SUFFIX.sub('', name)].append(file)

    def find(self, cell: str) -> list[Path]:
        """Return the files that a cell may name, only one if it is unambiguous."""
        text = plain(cell).strip('\'"').replace('\\', '/')
        text = re.sub(r'^(\./+)+', '', text)
        if text in self._exact:
            return [self._exact[text]]
        text = posixpath.normpath(_folded(text))
        text = re.sub(r'^(\.\./)+', '', text)
        name = posixpath.basename(text)
        stem = _SUFFIX.sub('', name)
        kind = name[len(stem) :]
        found = self._ending(self._by_name.get(name, []), text, '')
        if not found:
            same_stem = [
                file
                for file in self._by_stem.get(stem, [])
                if not kind or ({kind, _folded(file.name)[len(stem) :]} <= set(_DICOM))
            ]
            found = self._ending(same_stem, text[: len(text) - len(kind)], stem)
        return found

    def _ending(self, files: list[Path], text: str, stem: str) -> list[Path]:
        """Return the files whose path equals a text or ends in it.

        Args:
            files (list[Path]): Candidates.
            text (str): The path in the cell.
            stem (str): The candidate's name without suffix; '' for its full name.
        """
        below = {}
        for file in files:
            path = _folded(file.as_posix())
            below[file] = _SUFFIX.sub('', path) if stem else path
        ends = [
            file
            for file, path in below.items()
            if f'{self.root}/{path}'.endswith('/' + text.lstrip('/'))
            or f'{self.root}/{path}' == text
        ]
        whole = [file for file in ends if below[file] == text]
        if ends:
            return whole or ends
        # a name alone is not enough, unless the cell certainly starts elsewhere
        foreign = [
            file
            for file, path in below.items()
            if text.endswith('/' + path) and ('/' in path or _ABSOLUTE.match(text))
        ]
        longest = max((len(below[file]) for file in foreign), default=0)
        return [file for file in foreign if len(below[file]) == longest]

    def near(self, cell: str) -> list[str]:
        """Return paths whose name equals the cell's, or else is similar."""
        name = _folded(cell.replace('\\', '/')).rpartition('/')[2]
        same = self._by_name.get(name) or self._by_stem.get(_SUFFIX.sub('', name))
        if not same and len(self._by_name) <= _MOST_NAMES:
            same = [
                self._by_name[near][0]
                for near in difflib.get_close_matches(name, self._by_name, _NEAR, 0.6)
            ]
        return [str(file) for file in (same or [])[:_NEAR]]


def _folded(text: str) -> str:
    return unicodedata.normalize('NFC', plain(text)).casefold()
