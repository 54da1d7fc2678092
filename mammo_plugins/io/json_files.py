"""Reading untrusted JSON: a file is read completely or reported as faulty."""

import json
import re
import stat
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mammo_plugins.printable import one_line

_DEEPEST = 100  # nested lists and objects; their readers recurse
_STRING = re.compile(rb'"[^"]*"')
_ESCAPED = re.compile(rb'\\.', re.DOTALL)
_NO_MARKS = bytes(set(range(256)) - set(b'[{}]"'))
_STEPS = np.zeros(256, np.int8)  # change of depth, by character
_STEPS[list(b'[{')], _STEPS[list(b']}')] = 1, -1
# numbers that may overflow floats: 1e999 or hundreds of digits; two separate patterns
# are fast
_PERHAPS_INFINITE = (re.compile(r'[eE]\+?\d{3}'), re.compile(r'[\s:\[,-]\d{300}'))
_UTF_16_32 = ('utf-16', 'utf-32')


_SURROGATE = re.compile('[\ud800-\udfff]')


class JsonError(ValueError):
    """A text that is not JSON.

    Args:
        reason (str): What is wrong with it.
        path (str | Path, optional): The file.
    """

    def __init__(self, reason: str, path: str | Path | None = None) -> None:
        super().__init__(reason, path)
        self.reason, self.path = reason, path

    def __str__(self) -> str:
        return (
            self.reason
            if self.path is None
            else (f'{one_line(self.path)}: {self.reason}')
        )


def read_json(path: str | Path) -> Any:
    """Read a JSON file, in UTF-8 with or without a byte order mark.

    Args:
        path (str | Path): The file.

    Returns:
        Any: The parsed value; all numbers are finite.

    Raises:
        JsonError: If it is empty, truncated, damaged, nested more than 100 deep, in
            another encoding or not a regular file, or has numbers beyond float64 or a
            repeated key in an object.
        OSError: If it cannot be read.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise JsonError('not a JSON file (a pipe or a device)', path)
    try:
        return parse_json(path.read_bytes())
    except JsonError as error:
        raise JsonError(f'not a JSON file ({error.reason})', path) from None


def parse_json(text: bytes | str) -> Any:
    """Parse a JSON text; see :func:`read_json`.

    Raises:
        JsonError: As there; the message states what is wrong with the text.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    if not text.strip():
        raise JsonError('it is empty')
    _check_depth(text)
    perhaps_infinite = any(pattern.search(text) for pattern in _PERHAPS_INFINITE)
    try:
        return json.loads(
            text,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
            parse_float=_finite if perhaps_infinite else None,
        )
    except RecursionError:
        raise JsonError(f'it is nested more than {_DEEPEST} deep') from None
    except json.JSONDecodeError as error:
        raise JsonError(
            f'{error}; is it cut short?'
            if error.pos >= len(text.rstrip())
            else str(error)
        ) from None
    except JsonError:
        raise
    except ValueError:  # from Python's limit on an integer's digits
        raise JsonError('it has a number of thousands of digits') from None


def json_text(obj: Any, indent: int | None = None) -> str:
    """Return an object as JSON that UTF-8 can encode.

    Args:
        obj (Any): A value that ``json.dumps`` accepts. File names that are not UTF-8
            contain lone surrogates, which are written as escapes.
        indent (int, optional): As there.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot represent.
        TypeError: If a value has no JSON form, such as a NumPy array.
    """
    text = json.dumps(obj, indent=indent, ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub(lambda half: f'\\u{ord(half[0]):04x}', text)


def _decoded(data: bytes) -> str:
    encoding = json.detect_encoding(data)
    if encoding.startswith(_UTF_16_32) and not data.count(b'\0') == len(data):
        raise JsonError(f'it is in {encoding[:6].upper()}; save it in UTF-8')
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise JsonError(f'byte {error.start} is not UTF-8; save it in UTF-8') from None


def _check_depth(text: str) -> None:
    if text.count('[') + text.count('{') <= _DEEPEST:
        return
    data = text.encode('utf-8', 'replace')
    if b'\\' in data:
        data = _ESCAPED.sub(b'', data)
    data = _STRING.sub(b'', data.translate(None, _NO_MARKS))
    steps = _STEPS[np.frombuffer(data, np.uint8)]
    if np.cumsum(steps, dtype=np.int32).max(initial=0) > _DEEPEST:
        raise JsonError(f'it is nested more than {_DEEPEST} deep')


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise JsonError('it has a number beyond all floats')
    return value


def _no_constant(name: str) -> NoReturn:
    raise JsonError(
        f'it has {name}, which is not JSON; null stands for what is unknown'
    )


def _object(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, n in Counter(k for k, _ in pairs).items() if n > 1)
        raise JsonError(f'an object has the key {twice[:60]!r} twice')
    return found
