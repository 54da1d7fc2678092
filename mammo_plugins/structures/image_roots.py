"""Which files the names in an annotation file may refer to."""

import ntpath
import os
import os.path as osp
from collections.abc import Sequence
from pathlib import PurePath

from .fields import is_text

_LONGEST_NAME = 255  # bytes in the name of a file or folder
_LONGEST_PATH = 4095


class ImageRoots:
    """The folders that contain the images of a data set.

    A name is checked against them as written, with ``..`` resolved. Symbolic links
    below a root are followed wherever they lead: that is decided by those who may
    create links there, not by those who write the names.

    Args:
        root (str | Path, optional): The base of relative names. Without it no name may
            be absolute.
        extra (Sequence[str | Path]): Further folders. Defaults to none.

    Raises:
        ValueError: If ``extra`` is a single text instead of a sequence.
    """

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        extra: Sequence[str | os.PathLike] = (),
    ) -> None:
        if isinstance(extra, (str, os.PathLike)):
            raise ValueError(
                f'extra_roots: {str(extra)!r}; expected several folders, '
                f'such as ({str(extra)!r}, )'
            )
        self.root = None if root is None else os.fspath(root)
        known = [] if root is None else [self.root or '.']
        self._folders = [osp.abspath(folder) for folder in (*known, *extra)]

    def fault(self, name: str) -> str | None:
        """Return what is expected instead of a name outside these folders.

        Args:
            name (str): As written in the file.

        Returns:
            str or None: What was expected; ``None`` for a valid name.
        """
        if not is_text(name):
            return 'a name that a file can have'
        data = os.fsencode(name)
        if len(data) > _LONGEST_NAME and (
            len(data) > _LONGEST_PATH or max(map(len, data.split(b'/'))) > _LONGEST_NAME
        ):
            return f'names of {_LONGEST_NAME} bytes at most'
        if osp.normpath(name) == '.':
            return 'a name of a file'
        if self._is_inside(name):
            return None
        return (
            'a path below the data root; put a link to its folder there, or name '
            'that folder in extra_roots of the data set (--extra-root)'
        )

    def path(self, name: str) -> str:
        """Return the path of a file.

        Args:
            name (str): A name without a :meth:`fault`.
        """
        return osp.join(self.root or '', osp.normpath(name))

    def _is_inside(self, name: str) -> bool:
        if name.startswith('\\') or ntpath.splitdrive(name)[0]:
            return False
        if osp.isabs(name):
            return self._is_below(osp.normpath(name))
        # a backslash separates folders on Windows, and the file may be read there
        if osp.normpath(name.replace('\\', '/')).split('/')[0] != '..':
            return True
        return (
            '\\' not in name
            and self.root is not None
            and self._is_below(
                osp.normpath(osp.join(osp.abspath(self.root or '.'), name))
            )
        )

    def _is_below(self, path: str) -> bool:
        return any(PurePath(path).is_relative_to(folder) for folder in self._folders)
