"""Assumptions about the libraries below us, and checks whether they still hold."""

import hashlib
import inspect
import re
import textwrap
from ast import get_docstring, parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import CodeType
from typing import Any

_ABSENT = object()
_source = lru_cache(maxsize=None)(inspect.getsource)


def _classes(owner: Any) -> tuple:
    return owner.__mro__ if isinstance(owner, type) else ()


def _find(target: str) -> Any:
    """Return the object named by 'module:Class.attribute', or an absent object.

    An attribute that only instances of the class have is found by its assignment.
    """
    place, _, path = target.partition(':')
    try:
        found = import_module(place)
    except ImportError:
        return _ABSENT
    for name in path.split('.'):
        owner, found = found, inspect.getattr_static(found, name, _ABSENT)
        if found is _ABSENT:
            assigned = re.compile(rf'^\s*(?:[\w.]+, )*self\.{name}\b[^=\n]*=[^=]', re.M)
            return (
                owner
                if any(
                    assigned.search(_source(cls))
                    for cls in _classes(owner)[:-1]
                    if cls.__module__ != 'abc'
                )
                else _ABSENT
            )
        found = getattr(found, '__func__', getattr(found, 'fget', found))
    return found


def body_digest(function: Callable) -> str:
    """Return a digest of a function's code, which changes if the function changes.

    Args:
        function (Callable): A function written in Python.

    Returns:
        str: 12 hexadecimal digits, computed from its source without docstring, comments,
        blank lines and indentation.
    """
    lines = textwrap.dedent(inspect.getsource(inspect.unwrap(function))).splitlines()
    definition = parse('\n'.join(lines)).body[0]
    if get_docstring(definition) is not None:
        first = definition.body[0]
        lines[first.lineno - 1 : first.end_lineno] = []
    stripped = (line.strip() for line in lines)
    kept = [line for line in stripped if line and not line.startswith('#')]
    return hashlib.sha256('\n'.join(kept).encode()).hexdigest()[:12]


def _mentioned(code: CodeType) -> set[str]:
    names = {*code.co_names, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _mentioned(constant)
    return names


@dataclass(frozen=True)
class Exists:
    """A name exists, possibly as an attribute that only instances have."""

    says = 'is there'

    def __call__(self, found: Any) -> str | None:
        return None


@dataclass(frozen=True)
class Takes:
    """A function has these parameters, in this order."""

    parameters: str

    @property
    def says(self) -> str:
        return f'takes ({self.parameters})'

    def __call__(self, found: Any) -> str | None:
        theirs = ', '.join(inspect.signature(found).parameters)
        return None if theirs == self.parameters else f'takes ({theirs})'


@dataclass(frozen=True)
class Uses:
    """A function looks a name up when it is called."""

    name: str

    @property
    def says(self) -> str:
        return f'uses `{self.name}`'

    def __call__(self, found: Any) -> str | None:
        code = inspect.unwrap(found).__code__
        return None if self.name in _mentioned(code) else f'uses no {self.name}'


@dataclass(frozen=True)
class Body:
    """A function is unchanged from the version that our code was written for."""

    digest: str
    says = 'is as it was'

    def __call__(self, found: Any) -> str | None:
        digest = body_digest(found)
        return None if digest == self.digest else f'was changed (digest {digest})'


@dataclass(frozen=True)
class Assumption:
    """Something private or changeable that we rely on.

    Attributes:
        name: Subject in a few words.
        leans: Conditions, by 'module:Class.attribute'.
        files: Our files that rely on it, below ``mammo_plugins``, or ``mammo_cli/...``.
        why: Its purpose, and the consequences if it does not hold.
    """

    name: str
    leans: Mapping[str, Any]
    files: tuple[str, ...]
    why: str

    def faults(self) -> list[tuple[str, bool]]:
        """Check all conditions.

        Returns:
            list: For each condition that does not hold, what is wrong and where to fix
            it, and whether something is certain to fail. A changed body only needs to
            be reviewed.
        """
        found = []
        for target, check in self.leans.items():
            thing = _find(target)
            fault = 'is gone' if thing is _ABSENT else check(thing)
            if fault:
                found.append(
                    (
                        f'{target} {fault}, expected that it {check.says} ({self.name}); '
                        f'needed by {", ".join(self.files)}: {self.why}',
                        not isinstance(check, Body) or thing is _ABSENT,
                    )
                )
        return found
