"""How the package hangs together: which way imports point, and how they are written."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = 'mammo_plugins'
COMMANDS = 'mammo_cli'
# from the ground up; a module imports from its own layer's package and from below
LAYERS = (
    ('printable', 'version', 'shipped', 'wheelhouse', 'compat', 'evaluation'),
    ('stopping', 'registry', 'doctor'),
    ('anatomy',),
    ('io',),
    ('structures',),
    ('synthesis', 'phantom', 'verification', 'evaluation.functional'),
    ('visualization',),
    ('datasets',),
    ('models', 'engine', 'evaluation.metrics', 'converters', 'testing', 'exports'),
    ('apis',),
    (COMMANDS,),
    ('tools',),
)
# used alone, without networks
WITHOUT_TORCH = ('anatomy', 'synthesis', 'io', 'structures', 'evaluation.functional')
LONGEST = 500  # lines of a file


class Import(NamedTuple):
    """One imported name: of which module, or the module itself."""

    module: str
    name: str
    line: int


def sources(*folders: str) -> list[Path]:
    return [
        path for folder in folders for path in sorted((ROOT / folder).rglob('*.py'))
    ]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imports(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield every import of a module, also those in functions, by name and by dots.

    ``import_module('a.b')`` is one, and so is ``a.b`` where ``a`` is an imported module.
    """
    known: dict[str, str] = {}  # what a variable holds
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, '', node.lineno)
                top = alias.name.partition('.')[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parts = package.split('.')
                parts = parts[: len(parts) - node.level + 1]
                base = '.'.join([*parts, base] if base else parts)
            for alias in node.names:
                yield Import(base, alias.name, node.lineno)
                known[alias.asname or alias.name] = f'{base}.{alias.name}'
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, 'attr', getattr(node.func, 'id', None))
            if called in ('import_module', '__import__', 'find_spec') and node.args:
                name = text_of(node.args[0])
                yield Import(
                    resolve_name(name, package) if name.startswith('.') else name,
                    '',
                    node.lineno,
                )
        elif isinstance(node, ast.Attribute):
            names = ast.unparse(node).split('.')
            if names[0] in known and all(name.isidentifier() for name in names):
                yield Import(
                    '.'.join([known[names[0]], *names[1:-1]]), names[-1], node.lineno
                )


def text_of(node: ast.AST) -> str:
    """Return a text as far as it is written out, such as 'a.' of f'a.{b}'."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return (
        node.value
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        else ''
    )


class Graph:
    """Modules of a tree and what each imports of the others.

    Args:
        modules (dict[str, str]): Source text by module name; a package by its own
            name.
        packages (set[str]): Those that are packages.
    """

    def __init__(self, modules: dict[str, str], packages: set[str]) -> None:
        self.found: dict[str, list[Import]] = {}
        for name, text in modules.items():
            package = name if name in packages else name.rpartition('.')[0]
            self.found[name] = [
                Import(full, '', each.line) if full in modules else each
                for each in imports(ast.parse(text), package)
                for full in [f'{each.module}.{each.name}']
                if each.module in modules
            ]

    def executed(self) -> dict[str, set[str]]:
        """Return what Python runs for each module: the imported, and packages above."""
        edges: dict[str, set[str]] = {}
        for name, found in self.found.items():
            edges[name] = set()
            for each in found:
                parts = each.module.split('.')
                above = {'.'.join(parts[:n]) for n in range(1, len(parts))}
                edges[name] |= {each.module} | {
                    package
                    for package in above & set(self.found)
                    if not name.startswith(f'{package}.') and name != package
                }
        return edges

    def home(self, each: Import) -> str:
        """Return the module that defines an imported name, through packages."""
        for inner in self.found.get(each.module, ()):
            if each.name and inner.name == each.name and inner.module != each.module:
                return self.home(inner)
        return each.module


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1 or node in edges.get(node, ()):
                found.append(sorted(group))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def layer_of(module: str) -> tuple[int, str]:
    """Return the layer of a module and the package by which it is in the table."""
    inner = module.partition('.')[2] if module.startswith(PACKAGE) else module
    found = [
        (number, package)
        for number, packages in enumerate(LAYERS)
        for package in packages
        if f'{inner}.'.startswith(f'{package}.')
    ]
    assert found, f'{module}: in no layer of the table'
    return max(found, key=lambda layer: len(layer[1]))


def upward(graph: Graph) -> list[str]:
    """Return the imports that do not point down."""
    wrong = []
    for name, found in graph.found.items():
        if name == PACKAGE:
            continue
        own, package = layer_of(name)
        for each in found:
            home = graph.home(each)
            if home == PACKAGE:
                continue
            other, theirs = layer_of(home)
            if other > own or (other == own and theirs != package):
                wrong.append(f'{name}:{each.line}: {home} {each.name}')
    return wrong


@pytest.fixture(scope='module')
def graph() -> Graph:
    paths = sources(PACKAGE, COMMANDS, 'tools')
    return Graph(
        {module_of(path): path.read_text(encoding='utf-8') for path in paths},
        {module_of(path) for path in paths if path.name == '__init__.py'},
    )


def test_no_module_imports_itself_by_others(graph):
    assert not cycles(graph.executed())


def test_imports_point_down(graph):
    assert not upward(graph)


@pytest.mark.parametrize(
    'texts, found',
    [
        ({'a': 'import a.x', 'a.x': 'from .y import f', 'a.y': 'import json'}, []),
        (
            {
                'a': '',
                'a.x': 'from .y import f',
                'a.y': 'def g():\n    from a import x',
            },
            [['a.x', 'a.y']],
        ),
        ({'a': 'from .x import f', 'a.x': 'from a import f'}, [['a', 'a.x']]),
        (
            {
                'a': 'from .x import f',
                'a.x': 'from b.y import g',
                'b': 'from .z import h',
                'b.y': '',
                'b.z': 'from a.w import k',
                'a.w': '',
            },
            [['a', 'a.x', 'b', 'b.z']],
        ),
    ],
)
def test_cycles_are_found(texts, found):
    """By functions, by a package's names, by what importing a package runs."""
    assert cycles(Graph(texts, {'a', 'b'}).executed()) == found


def test_upward_imports_are_found():
    """Also of a name that a package takes from elsewhere, and inside a layer."""
    texts = {
        'mammo_plugins': '',
        'mammo_plugins.io': '',
        'mammo_plugins.io.x': 'def f():\n    from mammo_plugins.structures import Exam',
        'mammo_plugins.structures': 'from .exam import Exam',
        'mammo_plugins.structures.exam': 'from mammo_plugins.io import x',
        'mammo_plugins.models': 'from mammo_plugins import version',
        'mammo_plugins.version': '',
        'mammo_plugins.engine': 'import mammo_plugins.models',
    }
    assert upward(
        Graph(texts, {name for name in texts if name != 'mammo_plugins.io.x'})
    ) == [
        'mammo_plugins.io.x:2: mammo_plugins.structures.exam Exam',
        'mammo_plugins.engine:1: mammo_plugins.models ',
    ]


@pytest.mark.parametrize(
    'text, module',
    [
        ('import mmdet\nx = mmdet.models.HRNet', 'mmdet.models'),
        ('import mmdet.models as m\nx = m.backbones.HRNet', 'mmdet.models.backbones'),
        ('from mmdet import models\nx = models.HRNet', 'mmdet.models'),
        (
            "from importlib import import_module\nx = import_module('mmdet.models')",
            'mmdet.models',
        ),
        (
            "import importlib\ndef f():\n    importlib.import_module('mmdet.models')",
            'mmdet.models',
        ),
        ("x = __import__('mmdet.models')", 'mmdet.models'),
        ("x = import_module(f'mmdet.{name}')", 'mmdet.'),
        ("x = import_module('.models', __package__)", 'mammo_plugins.io.models'),
        ('from . import y\nx = y.z', 'mammo_plugins.io.y'),
    ],
)
def test_imports_are_found_however_they_are_written(text, module):
    assert module in {
        each.module for each in imports(ast.parse(text), 'mammo_plugins.io')
    }


@pytest.mark.parametrize(
    'text',
    [
        'x = mmdet.models',
        "x = 'import_module'",
        'import os\nx = os.path',
        'x.mmdet = 3',
    ],
)
def test_what_is_no_import(text):
    assert not [
        each for each in imports(ast.parse(text), 'a') if 'mmdet' in each.module
    ]


@pytest.mark.parametrize(
    'text',
    [
        "import_module('mammo_plugins.models')",
        'import mammo_plugins\nx = mammo_plugins.models',
        "import_module('..models', __package__)",
        'from mammo_plugins import models\nx = models.y',
    ],
)
def test_upward_imports_are_found_however_they_are_written(text):
    found = upward(
        Graph(
            {
                'mammo_plugins': '',
                'mammo_plugins.models': '',
                'mammo_plugins.io': '',
                'mammo_plugins.io.x': text,
            },
            {'mammo_plugins', 'mammo_plugins.models', 'mammo_plugins.io'},
        )
    )
    assert found and all('mammo_plugins.models' in each for each in found)


@pytest.mark.parametrize('package', WITHOUT_TORCH)
def test_what_is_used_alone_needs_no_networks(graph, package):
    for path in sources(f'{PACKAGE}/{package.replace(".", "/")}'):
        for each in imports(ast.parse(path.read_text(encoding='utf-8')), ''):
            assert each.module.partition('.')[0] not in (
                'torch',
                'torchvision',
                'mmcv',
                'mmdet',
                'mmpretrain',
            ), (path, each)


def test_tools_only_name_their_command():
    for path in sources('tools'):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        called = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'tool'
        ]
        assert len(called) == 1, path
        assert not any(
            isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.walk(tree)
        ), path


def needed_at_once(text: str) -> set[str]:
    """Return the packages that importing a module imports."""
    found, waiting = set(), [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) or (
            isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test)
        ):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition('.')[0])
        waiting += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize(
    'text, found',
    [
        ('import os.path\nfrom a.b import c\nfrom .d import e', {'os', 'a'}),
        ('def f():\n    import a', set()),
        ('if x:\n    import a', {'a'}),
        ('class A:\n    import a\n    def f(self):\n        import b', {'a'}),
        ('if TYPE_CHECKING:\n    import a', set()),
    ],
)
def test_imports_that_run_are_found(text, found):
    assert needed_at_once(text) == found


def test_commands_read_their_arguments_without_the_package():
    """``--help`` and usage errors would take seconds otherwise."""
    allowed = {*sys.stdlib_module_names, COMMANDS}
    slow = {
        f'{path.relative_to(ROOT)}: {name}'
        for path in sources(COMMANDS, 'tools')
        for name in needed_at_once(path.read_text(encoding='utf-8')) - allowed
    }
    assert not slow


def test_no_file_is_long():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(PACKAGE, COMMANDS, 'tools')
        for lines in [len(path.read_text(encoding='utf-8').splitlines())]
        if lines > LONGEST
    }
    assert not long


@pytest.mark.parametrize('command', ['check', 'format --check'])
def test_ruff_is_content(command):
    run = subprocess.run(
        [sys.executable, '-m', 'ruff', *command.split(), '--no-cache', '.'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_one_place_rasterises_outlines():
    calls = {
        str(path.relative_to(ROOT))
        for path in sources(PACKAGE, COMMANDS, 'tools')
        if re.search(
            r'frPyObjects|fillPoly|polygon2mask|skimage\.draw',
            path.read_text(encoding='utf-8'),
        )
    }
    assert calls == {f'{PACKAGE}/structures/masks.py'}


def test_one_place_reads_and_writes_arrays():
    calls = {
        str(path.relative_to(ROOT))
        for path in sources(PACKAGE, COMMANDS, 'tools')
        if re.search(
            r'np\.(load|savez\w*|save)\(|write_array\(',
            path.read_text(encoding='utf-8'),
        )
    }
    assert calls == {f'{PACKAGE}/io/arrays.py'}


def test_slow_tests_are_there():
    """What make test-fast leaves out is named as it is."""
    listed = [
        line
        for line in (ROOT / 'tests/slow_tests.txt').read_text().splitlines()
        if not line.startswith('#')
    ]
    found = {
        f'{path.relative_to(ROOT / "tests").as_posix()}::{node.name}'
        for path in sources('tests')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.FunctionDef)
    }
    assert listed == sorted(set(listed)) and not set(listed) - found


def test_test_modules_have_names_of_their_own():
    """pytest imports them by name alone."""
    names = [path.name for path in sources('tests') if path.name.startswith('test_')]
    assert not {name for name in names if names.count(name) > 1}
