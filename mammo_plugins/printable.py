"""Escape untrusted text from files before it is printed or written.

A file name, a cell or a header element may contain characters that move the cursor of a
terminal, change the direction of text, end a line, or form an HTML tag or a spreadsheet
formula. They are shown as escapes, such as ``\\x1b``. The content of JSON files is data
and is left unchanged.
"""

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any

# C0 and C1 controls, direction marks, zero-width marks, line and paragraph separators,
# lone surrogates, tags
_ACTING = (
    r'\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e'
    r'\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f'
)
_IN_LINES = re.compile(f'[{_ACTING}]')
_IN_A_LINE = re.compile(f'[{_ACTING}\t\n]')
# the colours of mmengine's logger, and the moves of tqdm between its bars
_COLOURED = re.compile(
    r'\x1b\[[\d;]*m(?:\x1b\[[\d;]*m)*'
    r'(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\x1b\[0m'
)
_MOVES = re.compile(r'(?:\x1b\[A)+')
_MARKS = re.compile(r'([\\`*\[\]|$])')
_TAGS = str.maketrans({'&': '&amp;', '<': '&lt;', '>': '&gt;'})
_FORMULA = re.compile('[=+@\t\r\uff1d\uff0b\uff20\uff0d-]')  # full-width ones too


def _escape(match: 're.Match[str]') -> str:
    return match[0].encode('unicode_escape', 'surrogatepass').decode('ascii')


def printable(text: Any) -> str:
    """Return a text with control characters escaped; line breaks are kept."""
    return _IN_LINES.sub(_escape, str(text))


def one_line(text: Any) -> str:
    """Return a text with control characters, line breaks and tabs escaped."""
    return _IN_A_LINE.sub(_escape, str(text))


def number_of(count: int, noun: str) -> str:
    """Return a count and its noun, such as '1 exam' or '2 exams'.

    Args:
        count (int): The count.
        noun (str): Noun for one; its plural ends with s.
    """
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def markdown(text: Any) -> str:
    """Escape a text for one line of Markdown, including table cells."""
    return one_line(_MARKS.sub(r'\\\1', str(text))).translate(_TAGS)


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet reads as a formula; numbers are unchanged.

    Text that would start a formula gets a leading apostrophe, which spreadsheets hide.
    """
    if not isinstance(value, str):
        return value
    return ("'" if _FORMULA.match(value) else '') + one_line(value)


def figure_text(text: Any) -> str:
    """Escape a text for a matplotlib figure, so that ``$`` starts no formula."""
    return printable(text).replace('$', r'\$')


class _PrintableStream(io.TextIOBase):
    """Stream that escapes text, but keeps progress bars and log colours."""

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
        """Return True: the stream can be written to."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """str: Encoding of the stream."""
        return getattr(self._stream, 'encoding', None) or 'utf-8'

    def close(self) -> None:
        """Leave the underlying stream open; it belongs to the caller."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _stream_text(text: str) -> str:
    if _IN_LINES.search(text) is None or _MOVES.fullmatch(text):
        return text
    start = '\r' if text.startswith('\r') else ''  # progress bar
    parts, end = [], len(start)
    for colour in _COLOURED.finditer(text):
        parts += [printable(text[end : colour.start()]), colour[0]]
        end = colour.end()
    return start + ''.join(parts) + printable(text[end:])


@contextmanager
def printable_output() -> Iterator[None]:
    """Escape control characters in all output, logs and warnings in this context."""
    make = logging.getLogRecordFactory()

    def make_printable(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            record.msg, record.args = printable(record.getMessage()), ()
        except Exception:  # the message does not match its arguments
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


def kind_of(reason: str) -> str:
    """Return a reason without its numbers and everything after a colon."""
    return re.sub(r'\d+(\.\d+)?', '#', reason.partition(':')[0])
