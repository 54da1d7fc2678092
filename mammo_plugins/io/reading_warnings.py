"""What a reader had to overlook, or to take instead of what a file says."""
import re
from typing import Iterable, List, NamedTuple, Optional, Union

from mammo_plugins.io.identity import Identity

_QUOTABLE = re.compile(r'[A-Za-z0-9 _.,;+\\/-]{1,40}')


class ReadingWarning(NamedTuple):
    """A fault of a file that did not cost the image.

    Attributes:
        kind (str): The fault, in words that are the same for the same fault, so that
            they can be counted over a folder; listed in docs/reference/reading.md.
        detail (str): The element, and what was taken instead; never the patient's.
    """
    kind: str
    detail: str = ''

    def __str__(self) -> str:
        return f'{self.kind}: {self.detail}' if self.detail else self.kind


class ReadingWarnings(List[ReadingWarning]):
    """The warnings of one file, each once.

    Args:
        warnings (Iterable[ReadingWarning]): To begin with. Defaults to none.

    Attributes:
        identity (Identity): Of the file; what belongs to it is never quoted.
    """

    def __init__(self, warnings: Iterable[ReadingWarning] = ()) -> None:
        super().__init__(warnings)
        self.identity = Identity()

    def quote(self, text: Optional[str]) -> str:
        """As :meth:`shown`, in quotation marks where the text itself is shown."""
        shown = self.shown(text)
        return f"'{shown}'" if shown == text else shown

    def shown(self, text: Optional[str]) -> str:
        """Return an element's text as messages show it.

        In a damaged file any element may hold anything, the patient's name too.
        """
        if text is None:
            return 'missing'
        if not _QUOTABLE.fullmatch(text) or self.identity.holds(text):
            return 'not readable'
        return text

    def add(self, kind: str, detail: Union[str, object] = '') -> None:
        """Note a fault."""
        warning = ReadingWarning(kind, str(detail))
        if warning not in self:
            self.append(warning)
