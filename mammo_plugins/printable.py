"""Text from files, as it may be printed and written: nothing in it acts.

A file name, a cell or an element of a header may hold what moves the cursor of a
terminal, turns the direction of text, ends a line, is a tag of HTML or a formula of a
spreadsheet. All that is shown as an escape, such as ``\\x1b``. What JSON files hold is
data and stays as it is.
"""

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any

# C0 and C1 controls, marks of direction and of no width, lines and paragraphs,
# halves of surrogate pairs, tags
_ACTING = (
    r'\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e'
    r'\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f'
)
_IN_LINES = re.compile(f'[{_ACTING}]')
_IN_A_LINE = re.compile(f'[{_ACTING}\t\n]')
# what mmengine's logger colours, and how tqdm moves between its bars
_COLOURED = re.compile(
    r'\x1b\[[\d;]*m(?:\x1b\[[\d;]*m)*'
    r'(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\x1b\[0m'
)
_MOVES = re.compile(r'(?:\x1b\[A)+')
_MARKS = re.compile(r'([\\`*\[\]|$])')
_TAGS = str.maketrans({'&': '&amp;', '<': '&lt;', '>': '&gt;'})
_FORMULA = re.compile('[=+@\t\r\uff1d\uff0b\uff20\uff0d-]')  # the wide ones too


def _escape(match: 're.Match[str]') -> str:
    return match[0].encode('unicode_escape', 'surrogatepass').decode('ascii')


def printable(text: Any) -> str:
    """Return a text with what acts escaped, in lines as it was."""
    return _IN_LINES.sub(_escape, str(text))


def one_line(text: Any) -> str:
    """Return a text with what acts escaped, line breaks and tabs too."""
    return _IN_A_LINE.sub(_escape, str(text))


def markdown(text: Any) -> str:
    """Return a text as Markdown that shows it, in one line, in tables too."""
    return one_line(_MARKS.sub(r'\\\1', str(text))).translate(_TAGS)


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; numbers stay.

    What would begin one gets an apostrophe in front, which spreadsheets hide.
    """
    if not isinstance(value, str):
        return value
    return ("'" if _FORMULA.match(value) else '') + one_line(value)


def figure_text(text: Any) -> str:
    """Return a text for a figure of matplotlib, without formulas between ``$``."""
    return printable(text).replace('$', r'\$')


class _PrintableStream(io.TextIOBase):
    """Passes on what is written, printable; progress bars and colours of logs stay."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self._stream.write(_stream_text(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the number of the file."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """str: Of the stream."""
        return getattr(self._stream, 'encoding', None) or 'utf-8'

    def close(self) -> None:
        """Leave the stream open; it belongs to others."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _stream_text(text: str) -> str:
    if _IN_LINES.search(text) is None or _MOVES.fullmatch(text):
        return text
    start = '\r' if text.startswith('\r') else ''  # of a progress bar
    parts, end = [], len(start)
    for colour in _COLOURED.finditer(text):
        parts += [printable(text[end : colour.start()]), colour[0]]
        end = colour.end()
    return start + ''.join(parts) + printable(text[end:])


@contextmanager
def printable_output() -> Iterator[None]:
    """Escape what acts in all that is printed, logged and warned of meanwhile."""
    make = logging.getLogRecordFactory()

    def make_printable(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            record.msg, record.args = printable(record.getMessage()), ()
        except Exception:  # a message that does not fit its arguments
            pass
        return record

    with ExitStack() as stack:
        if not isinstance(sys.stdout, _PrintableStream):
            stack.enter_context(redirect_stdout(_PrintableStream(sys.stdout)))
        if not isinstance(sys.stderr, _PrintableStream):
            stack.enter_context(redirect_stderr(_PrintableStream(sys.stderr)))
        logging.setLogRecordFactory(make_printable)
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)
