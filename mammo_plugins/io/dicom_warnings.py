"""Collecting libraries' warnings and log records on files, without values.

Their texts quote the file, and in a damaged file any element may contain the patient's
name. They are collected from the moment a file is opened, in all threads.
"""

import logging
import re
import threading
import warnings
from types import TracebackType
from typing import Any

_LIBRARIES = ('pydicom', 'PIL', 'tifffile')
_MODULES = re.compile(rf'.*[\\/]({"|".join(_LIBRARIES)})[\\/]')
# everything from the first quoted or introduced text
_VALUE = re.compile(r"""(?<!\w)['"<].*|[:\n].*|\.\s.*""", re.DOTALL)
_WORDS = re.compile(r'\S*[^\sA-Za-z.,:()-]\S*')  # numbers and anything but plain words


class DicomWarnings:
    """Collects pydicom's warnings instead of printing them.

    A kind is the beginning of a warning without its values, which come from the header.
    An outer collector receives what inner ones collected.

    Args:
        threads (bool): Whether to collect warnings of threads without their own
            collector, too. Defaults to True.

    Attributes:
        kinds (set[str]): The collected kinds.
    """

    def __init__(self, threads: bool = True) -> None:
        self.threads = threads
        self.kinds: set[str] = set()

    def __enter__(self) -> 'DicomWarnings':
        self._around = _kept.begin(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _kept.end(self)
        if self._around is not None:
            self._around.kinds |= self.kinds

    def tell(self, path: object) -> None:
        """Warn of the kinds, unless an outer collector receives them.

        Args:
            path (object): The file.
        """
        if self._around is None:
            for kind in sorted(self.kinds):
                warnings.warn(f'{path}: pydicom: {kind}', stacklevel=3)


class _Kept(logging.Filter):
    """Replaces ``warnings.showwarning`` while any file is read."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._open: list[DicomWarnings] = []
        self._local = threading.local()

    @property
    def _own(self) -> list[DicomWarnings]:
        """list[DicomWarnings]: Of this thread, the innermost last."""
        return self._local.__dict__.setdefault('own', [])

    def begin(self, keeper: DicomWarnings) -> DicomWarnings | None:
        with self._lock:
            around = self._innermost()
            if not self._open:
                self._install()
            self._open.append(keeper)
            self._own.append(keeper)
        return around

    def end(self, keeper: DicomWarnings) -> None:
        with self._lock:
            self._own.remove(keeper)
            self._open.remove(keeper)
            if not self._open:
                self._uninstall()

    def _innermost(self) -> DicomWarnings | None:
        """Return the collector of this thread's warnings."""
        if self._own:
            return self._own[-1]
        return next((keeper for keeper in self._open if keeper.threads), None)

    def _install(self) -> None:
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        self._show = warnings.showwarning
        warnings.filterwarnings('always', module=rf'({"|".join(_LIBRARIES)})\b')
        warnings.showwarning = self._keep
        self._loggers = [
            logging.getLogger(name)
            for name in list(logging.root.manager.loggerDict)
            if name.startswith(_LIBRARIES) and name.split('.')[0] in _LIBRARIES
        ]
        for logger in self._loggers:
            logger.addFilter(self)

    def _uninstall(self) -> None:
        for logger in self._loggers:
            logger.removeFilter(self)
        self._caught.__exit__(None, None, None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop every record: the same content is also warned of or raised."""
        return False

    def _keep(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        library = _MODULES.match(filename)
        with self._lock:
            keeper = self._innermost()
        if library is None:
            self._show(message, category, filename, *args, **kwargs)
        elif library[1] == 'pydicom' and keeper is not None:
            keeper.kinds.add(_kind_of(str(message)))


def _kind_of(text: str) -> str:
    words = _WORDS.sub('\u2026', _VALUE.sub('', text)).split()
    return ' '.join(words).rstrip('. :\u2026') or 'value that violates the standard'


_kept = _Kept()
