"""Faults of a file that a reader tolerated, and the values that it used instead."""

from typing import NamedTuple


class ReadingWarning(NamedTuple):
    """A fault of a file that did not cost the image.

    Attributes:
        kind (str): The fault, in the same words for the same fault, so that faults can
            be counted over a folder; listed in docs/reference/reading.md.
        detail (str): The element and the value used instead; never the patient's data.
    """

    kind: str
    detail: str = ''

    def __str__(self) -> str:
        return f'{self.kind}: {self.detail}' if self.detail else self.kind


class ReadingWarnings(list[ReadingWarning]):
    """The warnings of one file, each once."""

    def add(self, kind: str, detail: str | object = '') -> None:
        """Record a fault."""
        warning = ReadingWarning(kind, str(detail))
        if warning not in self:
            self.append(warning)
