"""HTML elements, with all text from files escaped."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from mammo_plugins.printable import one_line


def text(value: Any) -> str:
    """Return a value as escaped text."""
    return html.escape(one_line(value))


def number(value: Any, digits: int = 3) -> str:
    """Return a number as text, '-' if unknown."""
    return '-' if value is None else f'{value:.{digits}f}'


def estimate(value: Any, low: Any, high: Any) -> str:
    """Return a figure with its interval as text."""
    interval = '' if None in (low, high) else f' [{number(low)}, {number(high)}]'
    return f'{number(value)}{interval}'


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str) -> str:
    """Return a table.

    Args:
        header (Sequence): Headers of the columns.
        rows (Iterable[Sequence]): Cells; empty columns are omitted.
        caption (str): Caption of the table.
    """
    rows = [list(map(str, row)) for row in rows]
    # omit an empty column of remarks
    kept = [k for k in range(len(header)) if not rows or any(row[k] for row in rows)]
    header, rows = [header[k] for k in kept], [[row[k] for k in kept] for row in rows]
    head = ''.join(f'<th scope="col">{text(each)}</th>' for each in header)
    body = ''.join(
        '<tr>' + ''.join(f'<td>{text(cell)}</td>' for cell in row) + '</tr>'
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{text(caption)}</caption>'
        f'<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
