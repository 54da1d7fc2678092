"""Ways in which the text or the values of a JSON file are wrong."""

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np

# what a value may be replaced by; texts stand for themselves, the others for JSON text
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    0.5,
    -0.5,
    1e-320,
    1e308,
    -1e308,
    2**31,
    2**53 + 1,
    10**18,
    10**400,
    -(10**400),
    float('nan'),
    float('inf'),
    -float('inf'),
    '',
    ' ',
    'x',
    '0',
    '1',
    'NaN',
    '\0',
    'a\0b',
    '\ud800',
    'a\udce9b',
    '\x1b[2J\x1b]0;t\x07',
    '\u202e',
    '<script>alert(1)</script>',
    '=cmd|x',
    'a\nerror: b',
    'x' * 300,
    'y/' * 3000,
    '/',
    '..',
    '.',
    '../a.png',
    '/etc/passwd',
    'C:\\a.png',
    '\\\\host\\share\\a.png',
    '..\\..\\a.png',
    'images/../../a.png',
    '~/a.png',
    [],
    [[]],
    [None],
    ['x'],
    [1],
    [0, 0],
    [1, 2, 3, 4],
    [-5, -5, 3, 3],
    [0, 0, 1e9, 1e9],
    [1e308, 1e308, 1e308, 1e308],
    {},
    {'a': 1},
    {'size': [1, 1], 'counts': [1]},
    {'size': [12, 16], 'counts': [-1, 193]},
    {'size': [10**9, 10**9], 'counts': [0, 10**18]},
    {'size': [12, 16], 'counts': 'Xx'},
    [[0, 0, 5, 0, 5]],
    [[float('nan')] * 6],
    [[0, 0, 1e300, 0, 0, 1e300]],
]


def deep(depth: int) -> bytes:
    """Return lists in lists."""
    return b'[' * depth + b']' * depth


# the text of a sound file -> that of a damaged one
TEXTS: dict[str, Callable[[bytes], bytes]] = {
    'empty': lambda text: b'',
    'blank': lambda text: b' \n\t ',
    'cut in half': lambda text: text[: len(text) // 2],
    'cut by one': lambda text: text.rstrip()[:-1],
    'BOM': lambda text: b'\xef\xbb\xbf' + text,
    'two BOMs': lambda text: b'\xef\xbb\xbf' * 2 + text,
    'UTF-16': lambda text: text.decode().encode('utf-16'),
    'UTF-16 without BOM': lambda text: text.decode().encode('utf-16-le'),
    'UTF-32': lambda text: text.decode().encode('utf-32'),
    'Latin-1': lambda text: text.replace(b'"', b'"\xe9', 1),
    'NUL bytes': lambda text: b'\0' * 64,
    'NUL at the end': lambda text: text + b'\0' * 8,
    'NUL in a text': lambda text: text.replace(b': "', b': "\0', 1),
    'control character in a text': lambda text: text.replace(b': "', b': "\x1b[2J', 1),
    'nested lists': lambda text: deep(100_000),
    'nested objects': lambda text: b'{"a":' * 100_000 + b'1' + b'}' * 100_000,
    'nested and cut': lambda text: b'[' * 100_000,
    'nested in place': lambda text: text.replace(
        b': "', b': ' + deep(50_000) + b', "b": "', 1
    ),
    'a long number': lambda text: b'{"images": ' + b'9' * 6000 + b'}',
    'a long power': lambda text: b'{"images": 1e999999}',
    'a list': lambda text: b'[' + text + b']',
    'a number': lambda text: b'12',
    'a text': lambda text: b'"x"',
    'null': lambda text: b'null',
    'NaN': lambda text: b'NaN',
    'two objects': lambda text: text + text,
    'keys there twice': lambda text: (
        text.rstrip()[:-1] + b', "images": [], "a": 1, "a": 2}'
    ),
    'a picture': lambda text: b'\x89PNG\r\n\x1a\n' + bytes(range(256)),
    'gzip': lambda text: b'\x1f\x8b\x08\0' + bytes(range(200)),
    'a web page': lambda text: b'<html><script>alert(1)</script></html>',
    'a pickle': lambda text: b"cos\nsystem\n(S'touch x'\ntR.",
}


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """List the paths of all values in a tree."""
    found = [path] if path else []
    items = (
        value.items()
        if isinstance(value, dict)
        else (enumerate(value) if isinstance(value, list) else ())
    )
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def changed(tree: Any, path: tuple, value: Any) -> Any:
    """Return a copy with another value at a place."""
    tree = copy.deepcopy(tree)
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return tree


def without(tree: Any, path: tuple) -> Any:
    """Return a copy without a value."""
    tree = copy.deepcopy(tree)
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return tree


def at_random(tree: Any, rng: np.random.Generator) -> tuple[str, bytes]:
    """Alter one to three values, or the text, at random."""
    text = json.dumps(tree).encode()
    way = rng.integers(6)
    if way == 0:
        where = int(rng.integers(len(text)))
        flipped = bytes([text[where] ^ 1 << int(rng.integers(8))])
        return f'flipped bit of byte {where}', text[:where] + flipped + text[
            where + 1 :
        ]
    if way == 1:
        start, end = sorted(rng.integers(len(text), size=2).tolist())
        return f'without bytes {start} to {end}', text[:start] + text[end:]
    what = []
    for _ in range(int(rng.integers(1, 4))):
        paths = places(tree)
        if not paths:
            break
        path = paths[rng.integers(len(paths))]
        if rng.random() < 0.2:
            tree = without(tree, path)
            what.append(f'without {path}')
        elif rng.random() < 0.2:
            other = tree
            for key in paths[rng.integers(len(paths))]:
                other = other[key]
            tree = changed(tree, path, copy.deepcopy(other))
            what.append(f'another value at {path}')
        else:
            value = VALUES[rng.integers(len(VALUES))]
            tree = changed(tree, path, value)
            what.append(f'{path} = {str(value)[:40]!r}')
    return '; '.join(what), dump(tree)


def dump(tree: Any) -> bytes:
    """Return the text of a tree, whole numbers of any length too."""
    limit = 10**18
    big: dict[str, int] = {}

    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: marked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return list(map(marked, value))
        if isinstance(value, int) and abs(value) > limit:
            big[f'@big{len(big)}@'] = value
            return f'@big{len(big) - 1}@'
        return value

    text = json.dumps(marked(tree))
    for name, value in big.items():
        text = text.replace(f'"{name}"', str(value))
    return text.encode()
