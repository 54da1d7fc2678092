"""What pydicom warns of while many files are read: kinds, not a line a file."""
import re
import warnings
from types import TracebackType
from typing import Any, Optional, Set, Type

# what differs from file to file, and may be an identity: quoted texts and numbers
_VALUES = re.compile(r"""'[^']*'|"[^"]*"|<[^>]*>|\S*\d\S*""")


class DicomWarnings:
    """Keeps what pydicom warns of, in place of printing it.

    A kind is the text of a warning without its values, for they are those of the
    header. To be used around all threads that read, not in one of several.

    Attributes:
        kinds (set[str]): What there was.
    """

    def __init__(self) -> None:
        self.kinds: Set[str] = set()
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> 'DicomWarnings':
        self._caught.__enter__()
        self._show = warnings.showwarning
        warnings.filterwarnings('always', module=r'pydicom\b')
        warnings.showwarning = self._keep
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._caught.__exit__(kind, error, trace)

    def _keep(self, message: Warning, category: Type[Warning], filename: str,
              *args: Any, **kwargs: Any) -> None:
        if 'pydicom' not in filename:
            self._show(message, category, filename, *args, **kwargs)
            return
        text = re.split(r'\.\s|\n', _VALUES.sub('\u2026', str(message)))[0]
        self.kinds.add(' '.join(text.split()).rstrip('. :\u2026'))
