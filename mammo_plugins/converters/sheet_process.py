"""Reads a spreadsheet in a process of its own; run as a script, not imported.

The reader allocates all cells from the first to the last one, and ends its process
where that fails. It is given a limit of memory here, and its end is told by who
asked. Asked in JSON by the standard input: ``path``, ``sheet`` (a name, or null for
the first), ``names_only``, ``most_cells``, ``most_memory`` (bytes) and ``sys_path``.
"""

import json
import sys


def _limit_memory(size: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (ImportError, OSError, ValueError):
        pass  # not on Windows and macOS, where the process may grow


def _answer(path: str, sheet: str | None, names_only: bool, most_cells: int) -> dict:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(path)
    if names_only:
        return dict(names=book.sheet_names)
    found = (
        book.get_sheet_by_index(0) if sheet is None else book.get_sheet_by_name(sheet)
    )
    size = [last + 1 for last in found.end or (-1, -1)]
    if size[0] * size[1] > most_cells:
        return dict(size=size)
    return dict(rows=found.to_python(skip_empty_area=False))


def main() -> None:
    """Answer in JSON by the standard output: names, rows, size or error."""
    asked = json.load(sys.stdin)
    sys.path[:] = asked.pop('sys_path')
    _limit_memory(asked.pop('most_memory'))
    try:
        answer = _answer(**asked)
    except BaseException as error:  # a panic of the reader's Rust is no Exception
        panic = type(error).__name__ == 'PanicException'
        answer = dict(error='damaged' if panic else str(error))
    json.dump(answer, sys.stdout, default=str)


if __name__ == '__main__':
    main()
