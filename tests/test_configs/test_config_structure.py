"""Configs are short to read and safe to inherit: the rules that all of them keep."""

import ast
from pathlib import Path

import pytest
from config_runs import CONFIGS, bases_of, files_of
from mmengine.config import Config

from mammo_plugins.apis.copied_settings import RUN_SETTINGS

ALL = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob('*.py'))
BASES = [name for name in ALL if name.startswith('_base_')]
ABLATIONS = [name for name in ALL if name.endswith('ablation.py')]
# what a base gives configs to build on: parts that a config puts together
PARTS = {
    'datasets': {'data_set'},
    'schedules': {'from_scratch'},
    'models': {
        'data_preprocessor',
        'detector',
        'ipsilateral',
        'bilateral',
        'fusion',
        'malignancy',
        'resnet34',
        'small',
    },
}

# what changes a list in place, or takes or copies its items by their places
ON_LISTS = {
    'append',
    'extend',
    'insert',
    'pop',
    'remove',
    'update',
    'reverse',
    'sort',
    'clear',
    'next',
    'iter',
    'enumerate',
    'zip',
    'map',
    'filter',
    'list',
    'tuple',
    'sorted',
    'reversed',
    'setattr',
    '__getitem__',
    '__setitem__',
    '__delitem__',
    'itemgetter',
    'islice',
    'chain',
}


def depth(path):
    """How many files are read one after the other, this one included."""
    return 1 + max(map(depth, bases_of(path)), default=0)


def inherited_names(tree):
    """Return the variables that hold something of what a config inherits."""
    names = {'_base_'}
    for node in ast.walk(tree):  # in the order of the file, at its top
        if isinstance(node, ast.Assign) and is_of(node.value, names):
            names |= {
                target.id for target in node.targets if isinstance(target, ast.Name)
            }
    return names


def is_of(node, names):
    """Whether an expression has to do with one of the variables."""
    return any(getattr(part, 'id', None) in names for part in ast.walk(node))


def positions(path):
    """Where a config takes items of lists by place, or changes or copies lists."""
    tree = ast.parse(path.read_text())
    names = inherited_names(tree)

    def of_a_base(node):
        return is_of(node, names)

    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            # by name is a text; a variable may hold a number
            found = not isinstance(getattr(node.slice, 'value', None), str)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, 'attr', getattr(node.func, 'id', None))
            found = name in ON_LISTS
        elif isinstance(node, (ast.Assign, ast.For)):
            targets = getattr(node, 'targets', None) or [node.target]
            found = any(
                isinstance(target, (ast.Tuple, ast.List)) for target in targets
            ) and of_a_base(getattr(node, 'value', None) or node.iter)
        elif isinstance(node, ast.BinOp):
            found = isinstance(node.op, (ast.Add, ast.Mult)) and any(
                isinstance(side, (ast.List, ast.ListComp, ast.Tuple)) or of_a_base(side)
                for side in (node.left, node.right)
            )
        elif isinstance(node, (ast.Starred, ast.comprehension)):
            found = of_a_base(getattr(node, 'iter', None) or node.value)
        else:
            found = isinstance(node, (ast.AugAssign, ast.Delete)) and not isinstance(
                getattr(node, 'targets', [None])[0], ast.Name
            )
        if found:
            yield ast.unparse(node)


def test_bases_do_not_inherit():
    assert not [name for name in BASES if bases_of(CONFIGS / name)]


def test_three_levels_at_most():
    assert not [name for name in ALL if depth(CONFIGS / name) > 3]


def test_the_main_config_is_read_in_four_files():
    assert len(files_of(CONFIGS / 'mamminet_v2.py')) <= 4


def test_nothing_is_exchanged_by_position():
    found = {
        name: list(positions(CONFIGS / name)) for name in ALL if name not in ABLATIONS
    }  # they compute tables and inherit nothing
    assert not {name: texts for name, texts in found.items() if texts}
    assert not [name for name in ABLATIONS if bases_of(CONFIGS / name)]


@pytest.mark.parametrize(
    'text',
    [
        'a = _base_.pipeline[3:]',
        'a = _base_.pipeline[0]',
        'a = b[-1]',
        'a.pop("x")',
        'a.insert(1, b)',
        'a = _base_.evaluators + [b]',
        'a = [b] + c',
        'a = _base_.evaluators + c',
        'a = c + _base_.evaluators',
        'a = [*_base_.pipeline]',
        'a = f(*_base_.pipeline)',
        'a = [b for b in _base_.pipeline if b]',
        'a = list(map(f, _base_.pipeline))',
        'a = dict(enumerate(_base_.pipeline))',
        'a += [b]',
        'a, b = _base_.pipeline',
        'a, *b = _base_.pipeline',
        '[a, b] = _base_.pipeline',
        'a = next(iter(_base_.pipeline))',
        'a = b[n]',
        'a = b[f()]',
        'a.reverse()',
        'a.sort()',
        'a.clear()',
        'del a[0]',
        'del a["b"]',
        'a = 2 * _base_.stages',
        'for a, b in _base_.stages: pass',
        'a = {**_base_.pipeline[0]}',
        'a = sorted(_base_.pipeline)',
        'b = _base_.pipeline\na = [*b]',
        'b = _base_.pipeline\na = c + b',
        'b = dict(_base_.a)\nc = b["steps"]\na = [d for d in c]',
        'a = tuple(reversed(_base_.pipeline))',
        'a = b.__getitem__(0)',
    ],
)
def test_positions_are_found(text, tmp_path):
    path = tmp_path / 'a.py'
    path.write_text(text)
    assert list(positions(path))


@pytest.mark.parametrize(
    'text',
    [
        'a = _base_.from_scratch["cosine"]',
        'a = [_base_.warm_up, _base_.cosine]',
        'a = dict(_base_.loader, **_base_.data_set)',
        'a = 2 * 3 + b',
        'del a, b',
        'a = "x" + b',
        'a, b = 1, 2',
        'a = {name: 1 for name in names}',
    ],
)
def test_what_goes_by_name_is_not_found(text, tmp_path):
    path = tmp_path / 'a.py'
    path.write_text(text)
    assert not list(positions(path))


def test_bases_copy_nothing():
    """A variable at the top of a base would be set in vain by those that inherit."""
    found = {}
    for name in BASES:
        cfg = Config.fromfile(CONFIGS / name, import_custom_modules=False)
        found[name] = set(cfg) - RUN_SETTINGS - PARTS.get(Path(name).parent.name, set())
    assert not {name: keys for name, keys in found.items() if keys}


def evaluators(node):
    """The settings of evaluators in a part of a config, those of stages included."""
    if isinstance(node, dict):
        yield from (key for key in node if 'evaluator' in key)
        node = list(node.values())
    for inner in node if isinstance(node, (list, tuple)) else ():
        yield from evaluators(inner)


def test_schedules_evaluate_nothing():
    """What is measured is the task's, whatever it is trained by."""
    schedules = [name for name in BASES if '/schedules/' in name]
    found = {
        name: list(
            evaluators(
                Config.fromfile(CONFIGS / name, import_custom_modules=False).to_dict()
            )
        )
        for name in schedules
    }
    assert schedules and not {name: keys for name, keys in found.items() if keys}
    assert list(evaluators(dict(stages=dict(a=[dict(val_evaluator={})]))))


def test_rows_name_settings():
    """Options of an ablation's rows name each setting, never the number of one."""
    keys = [
        key
        for name in ABLATIONS
        for row in Config.fromfile(CONFIGS / name).rows.values()
        for key in row.get('options', {})
    ]
    assert not [key for key in keys if any(k.isdigit() for k in key.split('.'))]
