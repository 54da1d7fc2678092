"""What a reader had to overlook, or to take instead of what a file says."""

from typing import NamedTuple


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


class ReadingWarnings(list[ReadingWarning]):
    """The warnings of one file, each once."""

    def add(self, kind: str, detail: str | object = '') -> None:
        """Note a fault."""
        warning = ReadingWarning(kind, str(detail))
        if warning not in self:
            self.append(warning)
