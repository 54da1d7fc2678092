"""Read a spreadsheet in a separate process; run as a script, not imported.

The reader allocates all cells from the first to the last, and aborts its process if
that fails. Its memory is limited here, and the caller reports the abort. The request
comes as JSON on standard input: ``path``, ``sheet`` (a name, or null for the first),
``names_only``, ``most_cells``, ``most_memory`` (bytes) and ``sys_path``.
"""

import json
import sys


def _limit_memory(size: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (ImportError, OSError, ValueError):
        pass  # not available on Windows and macOS; no limit there


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
    """Answer as JSON on standard output: names, rows, size or error."""
    asked = json.load(sys.stdin)
    sys.path[:] = asked.pop('sys_path')
    _limit_memory(asked.pop('most_memory'))
    try:
        answer = _answer(**asked)
    except BaseException as error:  # the Rust reader's panic is not an Exception
        panic = type(error).__name__ == 'PanicException'
        answer = dict(error='damaged' if panic else str(error))
    json.dump(answer, sys.stdout, default=str)


if __name__ == '__main__':
    main()
