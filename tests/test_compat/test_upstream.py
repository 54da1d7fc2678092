"""What we lean on upstream: it holds, all is listed, and the page says the same."""

import ast
import importlib
import inspect
import linecache
import pkgutil
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope

import mammo_plugins
from mammo_plugins import registry
from mammo_plugins.compat import upstream
from mammo_plugins.compat.assumptions import (
    Assumption,
    Body,
    Exists,
    Takes,
    Uses,
    body_digest,
)
from mammo_plugins.compat.optional_packages import UPSTREAM
from mammo_plugins.compat.upstream import (
    ASSUMPTIONS,
    SHADOWS,
    broken_assumptions,
    table,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs/reference/upstream.md'
# private names of Python and PyTorch that are leaned on
OTHERS = {
    '_asdict',
    '_exit',
    '_fields',
    '_getframe',
    '_levelToName',
    '_make',
    '_metadata',
    '_nameToLevel',
    '_replace',
}
# it puts a part of our own package in ``sys.modules``, where the whole does not import
LOADS_OURS = 'mammo_cli/light.py'


@pytest.mark.parametrize('assumption', ASSUMPTIONS, ids=lambda each: each.name)
def test_it_holds(assumption):
    faults = [text for text, _ in assumption.faults()]
    assert not faults, (
        'a library below us has changed:\n'
        + '\n'.join(faults)
        + '\nmend the files named, then the entry in mammo_plugins/compat/upstream.py'
    )


@pytest.mark.parametrize('assumption', ASSUMPTIONS, ids=lambda each: each.name)
def test_entries_are_up_to_date(assumption):
    """Each file is there and has to do with what is said to be leaned on."""
    names = {*re.findall('`([^`]*)`', assumption.why)}
    for target, check in assumption.leans.items():
        names |= {*target.rpartition(':')[2].split('.'), getattr(check, 'name', '')}
    for file in assumption.files:
        text = (base(file) / file).read_text()
        assert any(
            re.search(rf'\b{name}\b', text) for name in names - {'', '__init__'}
        ), f'{file} does not mention any of {names}'
    assert len({each.name for each in ASSUMPTIONS}) == len(ASSUMPTIONS)


def base(file):
    return ROOT if file.startswith(('tools/', 'mammo_cli/')) else ROOT / 'mammo_plugins'


def sources():
    for folder in (ROOT / 'mammo_plugins', ROOT / 'mammo_cli', ROOT / 'tools'):
        for path in folder.rglob('*.py'):
            start = folder if folder.name == 'mammo_plugins' else ROOT
            yield str(path.relative_to(start)), path.read_text(encoding='utf-8')


def listed(file, name):
    return any(
        file in each.files
        and (
            name
            in (target.rpartition(':')[2].rpartition('.')[2] for target in each.leans)
            or name == 'sys.modules'
            and '`sys.modules`' in each.why
        )
        for each in ASSUMPTIONS
    )


def is_private(name):
    return bool(re.match(r'_[^_]', name))


class SpeltOut(ast.NodeTransformer):
    """Writes ``sys`` and ``sys.modules`` in full, whatever a file calls them."""

    def __init__(self, tree):
        self.names = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.names.update(
                    (alias.asname, 'sys')
                    for alias in node.names
                    if alias.name == 'sys' and alias.asname
                )
            elif isinstance(node, ast.ImportFrom) and node.module == 'sys':
                self.names.update(
                    (alias.asname or alias.name, f'sys.{alias.name}')
                    for alias in node.names
                )
            elif (
                isinstance(node, ast.Assign)
                and ast.unparse(node.value) == 'sys.modules'
            ):
                self.names.update(
                    (target.id, 'sys.modules')
                    for target in node.targets
                    if isinstance(target, ast.Name)
                )

    def visit_Name(self, node):
        if node.id not in self.names or (
            isinstance(node.ctx, ast.Store) and self.names[node.id] != 'sys'
        ):
            return node
        full = ast.parse(self.names[node.id], mode='eval').body
        return ast.copy_location(full, node)


def texts_of(nodes):
    """Yield (line, part) of the parts of texts that may name attributes."""
    for node in nodes:
        if isinstance(node, ast.Constant) and re.fullmatch(
            r'\w+(\.\w+)*', str(node.value)
        ):
            yield from ((node.lineno, part) for part in str(node.value).split('.'))


def reads_fields(node):
    """Whether attributes are asked for by texts, past ``getattr``."""
    return getattr(node, 'attr', getattr(node, 'id', None)) in (
        '__dict__',
        'vars',
        'attrgetter',
        'methodcaller',
        'getattr_static',
        '__getattribute__',
        '__setattr__',
        '__delattr__',
        '__getstate__',
    )


def fields_read(tree):
    """Yield (line, part) of the texts by which a function may ask for attributes."""
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    scopes = [
        part
        for node in tree.body
        for part in (node.body if isinstance(node, ast.ClassDef) else [node])
    ]
    for scope in scopes:
        nodes = [*ast.walk(scope)]
        if any(map(reads_fields, nodes)):
            yield from texts_of(nodes)
            for name in {getattr(node, 'id', None) for node in nodes} & values.keys():
                yield from texts_of(ast.walk(values[name]))


def leanings(text):
    """Yield (line, name) of all in a file that leans on what is not for others."""
    tree = ast.parse(text)
    tree = SpeltOut(tree).visit(tree)
    theirs, nodes = set(), [*ast.walk(tree)]
    own = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ('self', 'cls')
    }
    own |= {
        node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, 'module', None) or ''
            for alias in node.names:
                parts = f'{module}.{alias.name}'.strip('.').split('.')
                if parts[0] in UPSTREAM and not getattr(node, 'level', 0):
                    theirs.add(alias.asname or parts[-1 if module else 0])
                    yield from (
                        (node.lineno, part) for part in parts if is_private(part)
                    )
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (
                isinstance(node.value, ast.Name)
                and node.value.id in ('self', 'cls')
                or node.attr in own | OTHERS
            ):
                yield node.lineno, node.attr
        elif isinstance(node, ast.Call):
            said = ast.unparse(node.func)
            if said == 'super' and node.args:
                yield node.lineno, 'super'
            elif said in ('getattr', 'hasattr', 'setattr', 'delattr'):
                name = getattr(node.args[1], 'value', '')
                if (
                    is_private(str(name))
                    and name not in own | OTHERS
                    or said[0] in 'sd'
                    and root(node.args[0]) in theirs
                ):
                    yield node.lineno, name
            elif re.search(r'\b(import_module|__import__|resolve_name)$', said):
                parts = re.split('[.:]', str(getattr(node.args[0], 'value', '')))
                if parts[0] in UPSTREAM:
                    yield from (
                        (node.lineno, part) for part in parts if is_private(part)
                    )
            elif re.match(r'sys\.modules\.(?!get|items|keys|values)', said):
                yield node.lineno, 'sys.modules'
            elif root(node.func) in theirs and any(
                k.arg == 'force' and getattr(k.value, 'value', 1) for k in node.keywords
            ):
                yield node.lineno, said.rpartition('.')[2]
    yield from (
        (line, part)
        for line, part in fields_read(tree)
        if is_private(part) and part not in own | OTHERS
    )
    for node in nodes:
        targets = (
            node.targets
            if isinstance(node, (ast.Assign, ast.Delete))
            else [node.target]
            if isinstance(node, (ast.AugAssign, ast.AnnAssign))
            else []
        )
        for target in targets:
            if 'sys.modules' in ast.unparse(target):
                yield node.lineno, 'sys.modules'
            elif isinstance(target, ast.Attribute) and root(target) in theirs:
                yield node.lineno, target.attr


def root(node):
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return getattr(node, 'id', None)


def test_all_in_the_sources_is_listed():
    unlisted = []
    for file, text in sources():
        for line, name in leanings(text):
            name = '__init__' if name == 'super' else name
            if not listed(file, name) and (file, name) != (LOADS_OURS, 'sys.modules'):
                unlisted.append(f'{file}:{line}: {name}')
    assert not unlisted, (
        'leans on upstream and is not in '
        'mammo_plugins/compat/upstream.py:\n' + '\n'.join(unlisted)
    )


@pytest.mark.parametrize(
    'text, name',
    [
        ('from mmengine.runner import _x', '_x'),
        ('from mmengine._strategy import Base', '_strategy'),
        ('import mmdet._private.part', '_private'),
        ('runner._resume', '_resume'),
        ('self.runner._resume', '_resume'),
        ("hasattr(owner, '_load')", '_load'),
        ('super(Loop, self).__init__()', 'super'),
        ("import sys\nsys.modules['mmcv._ext'] = 1", 'sys.modules'),
        ("import sys\nsys.modules.setdefault('a', 1)", 'sys.modules'),
        ("import sys\ndel sys.modules['a']", 'sys.modules'),
        ('from mmengine.model import Init\nInit.__call__ = f', '__call__'),
        ('from mmengine import logging as log\nlog.print_log = f', 'print_log'),
        ('import mmcv\nmmcv.image.io.read = f', 'read'),
        ("import sys as s\ns.modules['a'] = 1", 'sys.modules'),
        ("from sys import modules\nmodules['a'] = 1", 'sys.modules'),
        ('from sys import modules as m\nm.update(a=1)', 'sys.modules'),
        ("import sys as s\ndel s.modules['a']", 'sys.modules'),
        ("import sys\nm = sys.modules\nm.pop('a')", 'sys.modules'),
        ("import_module('mmengine._strategy')", '_strategy'),
        ("importlib.import_module('mmcv._ext')", '_ext'),
        ("__import__('mmdet.apis._x.y')", '_x'),
        ("history.__dict__['_log_history']", '_log_history'),
        (
            "[history.__dict__.get(key) for key in ('_log_history', 'a')]",
            '_log_history',
        ),
        ("KEYS = ('a', '_b')\ndef f(x): return [vars(x)[key] for key in KEYS]", '_b'),
        ("from operator import attrgetter\nattrgetter('runner._b')", '_b'),
        ("operator.methodcaller('_b')(runner)", '_b'),
        ("object.__getattribute__(runner, '_b')", '_b'),
        ("inspect.getattr_static(runner, '_b')", '_b'),
        ("import mmcv\nsetattr(mmcv.image, 'read', f)", 'read'),
        (
            'from mmdet.registry import MODELS\nMODELS.register_module(force=True)',
            'register_module',
        ),
    ],
)
def test_each_kind_of_leaning_is_found(text, name):
    assert name in [found for _, found in leanings(text)]


@pytest.mark.parametrize(
    'text',
    [
        'self._x = self._y',
        'from ._own import _x',
        'import mmcv\nmmcv.imresize(1)',
        'import sys\nsys.modules.get("a")',
        'from sys import modules\nmodules.get("a")',
        'import_module("mmengine.runner")',
        'import_module("._own")',
        'vars(thing)["a"]',
        'names = ["_b"]',
        'vars(thing)["__doc__"]',
        'class A:\n def _x(self): ...\nA()._x',
        'def f(boxes): boxes._replace(x=1)',
        'super().__init__()',
    ],
)
def test_what_is_no_leaning_is_not_found(text):
    assert not [*leanings(text)]


source = lru_cache(maxsize=None)(inspect.getsource)


def our_classes():
    for info in pkgutil.walk_packages(mammo_plugins.__path__, 'mammo_plugins.'):
        module = importlib.import_module(info.name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == info.name:
                yield cls


def is_upstream(cls):
    return cls.__module__.partition('.')[0] in UPSTREAM


def function_of(entry):
    return getattr(entry, '__func__', getattr(entry, 'fget', entry))


def has_body(function):
    """Whether a function does anything itself."""
    if not inspect.isfunction(function) or getattr(
        function, '__isabstractmethod__', False
    ):
        return False
    node = ast.parse(textwrap.dedent(source(function))).body[0]
    return not all(
        isinstance(part, (ast.Pass, ast.Raise))
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        for part in node.body
    )


def overrides(cls):
    """Yield (our class, name) of what takes the place of upstream's without it."""
    mro = cls.__mro__
    for i, owner in enumerate(mro):
        if is_upstream(owner) or not owner.__module__.startswith('mammo_plugins'):
            continue
        used = {
            node.attr
            for node in ast.walk(ast.parse(textwrap.dedent(source(owner))))
            if isinstance(node, ast.Attribute) and root(node) in ('self', None)
        }
        for base in filter(is_upstream, mro[i + 1 :]):
            if base is Hook:  # there to be overridden, and empty
                continue
            yield from (
                (owner, name) for name in used & {*vars(base)} if is_private(name)
            )
            assigned = re.findall(r'self\.(_[a-z]\w*)\b[^=\n]*=[^=]', source(base))
            yield from ((owner, name) for name in used & {*assigned})
            for name in vars(owner).keys() & vars(base).keys():
                ours, theirs = (
                    function_of(vars(owner)[name]),
                    function_of(vars(base)[name]),
                )
                if name.startswith('__') and name != '__init__' or name == '_abc_impl':
                    continue
                calls = (
                    re.search(rf'super\(\)\s*\.{name}\b', source(ours))
                    if inspect.isfunction(ours)
                    else True
                )
                if is_private(name) or not calls and has_body(theirs):
                    yield owner, name


def test_all_that_classes_override_is_listed():
    unlisted = set()
    for cls in our_classes():
        if any(map(is_upstream, cls.__mro__)):
            for owner, name in overrides(cls):
                file = str(
                    Path(inspect.getfile(owner)).relative_to(ROOT / 'mammo_plugins')
                )
                if not listed(file, name):
                    unlisted.add(f'{file}: {owner.__name__}.{name} of {cls.__name__}')
    assert not unlisted, (
        "takes the place of upstream's, or uses what is private to it, and is not in "
        'mammo_plugins/compat/upstream.py:\n' + '\n'.join(sorted(unlisted))
    )


class Upstream:
    """Stands in for a class below us."""

    def __init__(self):
        self._state, self.other = 1, 2
        self._typed: int = 3

    def method(self, one, two=2):
        """Do something."""
        # a comment
        return helper(one) + two

    @property
    def place(self):
        return self._state


def helper(value):
    return value


HERE = f'{__name__}:Upstream'


@pytest.mark.parametrize(
    'target, check, said',
    [
        (f'{HERE}.gone', Exists(), 'is gone'),
        (f'{HERE}.state', Exists(), 'is gone'),
        (f'{HERE}.Inner.method', Exists(), 'is gone'),
        ('mmengine.no_such_module:Thing', Exists(), 'is gone'),
        (f'{HERE}.method', Takes('self, one'), 'takes (self, one, two)'),
        (f'{HERE}.method', Uses('helpers'), 'uses no helpers'),
        (f'{HERE}.method', Body('0' * 12), 'was changed (digest '),
    ],
)
def test_what_does_not_hold_is_said(target, check, said):
    assumption = Assumption('a part', {target: check}, ('registry.py',), 'it is used')
    ((text, fails),) = assumption.faults()
    assert text.startswith(f'{target} {said}')
    assert 'registry.py' in text and 'it is used' in text and 'a part' in text
    assert fails is not isinstance(check, Body)


@pytest.mark.parametrize(
    'target, check',
    [
        (f'{HERE}._state', Exists()),
        (f'{HERE}.other', Exists()),
        (f'{HERE}._typed', Exists()),
        (f'{HERE}.place', Exists()),
        (f'{HERE}.method', Takes('self, one, two')),
        (f'{HERE}.method', Uses('helper')),
        (f'{HERE}.method', Body(body_digest(Upstream.method))),
        (f'{__name__}:helper', Takes('value')),
    ],
)
def test_what_holds_is_not_said(target, check):
    assert not Assumption('a part', {target: check}, (), '').faults()


def test_digests_are_of_what_is_done():
    source = '''
    def f(self, x):
        """{doc}"""
        {comment}
        return x{more}
    '''
    digests = []
    for number, (doc, comment, more) in enumerate(
        [('Do.', '# why', ''), ('Do\n        it.', '', ''), ('Do.', '', ' + 1')]
    ):
        path = f'digest_{number}.py'
        text = textwrap.dedent(source.format(doc=doc, comment=comment, more=more))
        space = {}
        exec(compile(text, path, 'exec'), space)
        linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        digests.append(body_digest(space['f']))
    assert digests[0] == digests[1] != digests[2]


def test_a_changed_body_is_not_bound_to_fail(monkeypatch):
    """The doctor notes it, and calls what is gone a problem."""
    assert broken_assumptions() == []
    first = replace(ASSUMPTIONS[0], leans={HERE + '.method': Body('0' * 12)})
    second = replace(ASSUMPTIONS[1], leans={HERE + '.gone': Exists()})
    monkeypatch.setattr(upstream, 'ASSUMPTIONS', (first, second))
    assert [fails for _, fails in upstream.broken_assumptions()] == [False, True]


def shadowing():
    """Return our registered names that the libraries below us have too."""
    found = set()
    for child in vars(registry).values():
        if not isinstance(child, registry.MammoRegistry):
            continue
        child.import_from_location()
        siblings = [
            child.root,
            *(child.root.children.get(scope) for scope in ('mmdet', 'mmpretrain')),
        ]
        for sibling in filter(None, siblings):
            sibling.import_from_location()
            found |= child.module_dict.keys() & sibling.module_dict.keys()
    return found


def test_no_name_of_theirs_means_ours_but_those_listed():
    assert shadowing() == SHADOWS.keys(), (
        'a name of ours is one of mmdet, mmpretrain or MMEngine too: give it another, '
        'or a reason in SHADOWS of mammo_plugins/compat/upstream.py'
    )


@pytest.mark.parametrize(
    'name, home',
    [
        ('HRNet', 'mmdet'),
        ('ResNet', 'mmdet'),
        ('FasterRCNN', 'mmdet'),
        ('DenseNet', 'mmpretrain'),
        ('VisionTransformer', 'mmpretrain'),
    ],
)
def test_plain_names_are_theirs_under_our_scope(name, home):
    with DefaultScope.overwrite_default_scope('mammo'):
        assert registry.MODELS.get(name).__module__.startswith(f'{home}.')


def test_the_page_is_made_of_the_list():
    text = PAGE.read_text()
    made = '\n'.join(table())
    assert made in text, (
        'docs/reference/upstream.md: replace its table by what '
        'python -m mammo_plugins.compat.upstream prints'
    )
    for name, reason in SHADOWS.items():
        assert f'| `{name}` | {reason} |' in text
    bounds = re.findall('"(onedl-[^"]*)"', (ROOT / 'pyproject.toml').read_text())
    assert len(bounds) == 4
    for bound in bounds:
        assert f'`{bound}`' in text
    assert len(re.findall(r'`onedl-\w+[<>=]', text)) == 4


def test_the_command_prints_the_table():
    done = subprocess.run(
        [sys.executable, '-m', 'mammo_plugins.compat.upstream'],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.stdout.splitlines() == [*table()]
