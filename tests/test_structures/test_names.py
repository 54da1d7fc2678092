"""View names and lateralities have one home, ``structures/exam.py``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mammo_plugins.structures import (
    EXAM_VIEWS,
    LATERALITIES,
    PARTNERS,
    ROLES,
    VIEWS,
    Exam,
    View,
    other_laterality,
    other_view,
)
from mammo_plugins.structures.multi_view_data_sample import VIEW_NAMES

ROOT = Path(__file__).parents[2]
HOME = ROOT / 'mammo_plugins/structures/exam.py'
# what a DICOM header says is in DICOM's own words; structures read by way of io
FOREIGN = ROOT / 'mammo_plugins/io'
# directions in a patient, by which DICOM says how the rows of an image run
DIRECTIONS = ROOT / 'mammo_plugins/anatomy/orientation.py'
NAMES = [set(names) for names in (LATERALITIES, VIEWS, EXAM_VIEWS, PARTNERS, ROLES)]


def _words(nodes) -> set:
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


def definitions(source: str) -> Iterator[int]:
    """Yield the lines in which a text lists all names of a kind, or swaps them."""
    for node in ast.walk(ast.parse(source)):
        listed = []
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            listed = node.elts
        elif isinstance(node, ast.Dict) and _words(node.keys) == _words(node.values):
            listed = node.keys
        elif isinstance(node, ast.Call) and getattr(node.func, 'id', None) == 'dict':
            keys = {key.arg for key in node.keywords}
            if keys in NAMES and keys == _words(key.value for key in node.keywords):
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # of single letters, or for ``split``
            text = node.value.strip('()[]^$')  # as in a regular expression
            for parts in (list(text), re.split('[ ,;/|]+', text)):
                if len(parts) == len(set(parts)) and set(parts) in NAMES:
                    yield node.lineno
        elif isinstance(node, ast.MatchOr):
            listed = [case.value for case in node.patterns if hasattr(case, 'value')]
        elif isinstance(node, ast.BoolOp):  # side == 'L' or side == 'R'
            listed = [
                each.comparators[0]
                for each in node.values
                if isinstance(each, ast.Compare)
            ]
        elif isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare):
            if _words([node.test.left, *node.test.comparators]) & _words([node.orelse]):
                listed = [node.body, node.orelse]
        if listed and len(_words(listed)) == len(listed) and _words(listed) in NAMES:
            yield node.lineno


@pytest.mark.parametrize(
    'source',
    [
        "SIDES = ('R', 'L')",
        "for side in ['L', 'R']: pass",
        "ok = view in {'MLO', 'CC'}",
        "other = {'R': 'L', 'L': 'R'}[side]",
        "other = 'L' if side == 'R' else 'R'",
        "side = 'RL'[number % 2]",
        "for side in 'LR': pass",
        "sides = list('LR')",
        "other = dict(R='L', L='R')[side]",
        "other = dict(CC='MLO', MLO='CC')[view]",
        "views = 'CC MLO'.split()",
        "views = 'R,L'.split(',')",
        "ok = side == 'L' or side == 'R'",
        "match side:\n    case 'L' | 'R': pass",
        "ok = re.match('[LR]', text)",
        "ok = re.match('(CC|MLO)$', text)",
        "HANGING = (('RCC', 'LCC', 'RMLO', 'LMLO'), )",
        "def f(views=('main', 'ipsilateral', 'bilateral')): pass",
    ],
)
def test_a_definition_is_seen(source):
    assert list(definitions(source)) == [source.count('\n') + 1]


@pytest.mark.parametrize(
    'source',
    [
        "side = 'R' if number % 2 else 'L'",
        "ok = view == 'CC'",
        "pair = ('R', side)",
        "words = dict(left='L', right='R')",
        "codes = ('L', 'R', 'B')",
        "words = dict(L='left', R='right')",
        "sides = dict(R='R', X='L')",
        "text = 'CLR'",
        "text = 'CC and MLO'",
    ],
)
def test_other_uses_are_none(source):
    assert not list(definitions(source))


def test_no_other_file_defines_them():
    files = [
        path
        for folder in ('mammo_plugins', 'mammo_cli', 'tools')
        for path in (ROOT / folder).rglob('*.py')
        if path not in (HOME, DIRECTIONS) and FOREIGN not in path.parents
    ]
    assert len(files) > 200
    assert [
        f'{path.relative_to(ROOT)}:{line}'
        for path in files
        for line in definitions(path.read_text())
    ] == []


def test_names_of_an_exam():
    assert EXAM_VIEWS == ('RCC', 'LCC', 'RMLO', 'LMLO')  # as exams are hung
    views = {
        (side, view, 'FFDM'): View(k, '', 1, 1, side, view)
        for k, (side, view) in enumerate((s, v) for v in VIEWS for s in 'RL')
    }
    exam = Exam('e', 'p', views)
    assert tuple(view.name for view in views.values()) == EXAM_VIEWS
    for (side, projection, _), view in views.items():
        assert exam.ipsilateral(view).name == side + other_view(projection)
        assert exam.bilateral(view).name == other_laterality(side) + projection
        assert exam.ipsilateral(view) is not view is not exam.bilateral(view)
    assert set(ROLES) | set(VIEWS) | set(LATERALITIES) | set(EXAM_VIEWS) < set(
        VIEW_NAMES
    )
    assert len(set(VIEW_NAMES)) == len(VIEW_NAMES)
