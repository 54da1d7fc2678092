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
    'models': {'data_preprocessor', 'detector', 'ipsilateral', 'bilateral', 'fusion',
               'malignancy', 'resnet34', 'small'},
}


def depth(path):
    """How many files are read one after the other, this one included."""
    return 1 + max(map(depth, bases_of(path)), default=0)


def positions(path):
    """Where a config takes items of lists by number, or changes lists in place."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript):
            number = getattr(node.slice, 'value', None)
            found = isinstance(node.slice, (ast.Slice, ast.UnaryOp)) or isinstance(
                number, int)
        elif isinstance(node, ast.Call):
            found = getattr(node.func, 'attr', None) in (
                'append', 'extend', 'insert', 'pop', 'remove', 'update')
        else:
            found = isinstance(node, ast.BinOp) and isinstance(
                node.op, ast.Add) and isinstance(node.right, ast.List)
        if found:
            yield ast.unparse(node)


def test_bases_do_not_inherit():
    assert not [name for name in BASES if bases_of(CONFIGS / name)]


def test_three_levels_at_most():
    assert not [name for name in ALL if depth(CONFIGS / name) > 3]


def test_the_main_config_is_read_in_four_files():
    assert len(files_of(CONFIGS / 'mamminet_v2.py')) <= 4


def test_nothing_is_exchanged_by_position():
    found = {name: list(positions(CONFIGS / name)) for name in ALL
             if name not in ABLATIONS}  # they compute tables and inherit nothing
    assert not {name: texts for name, texts in found.items() if texts}
    assert not [name for name in ABLATIONS if bases_of(CONFIGS / name)]


@pytest.mark.parametrize('text', [
    'a = _base_.pipeline[3:]', 'a = _base_.pipeline[0]', 'a = b[-1]', 'a.pop("x")',
    'a.insert(1, b)', 'a = _base_.evaluators + [b]'])
def test_positions_are_found(text, tmp_path):
    path = tmp_path / 'a.py'
    path.write_text(text)
    assert list(positions(path))


def test_bases_copy_nothing():
    """A variable at the top of a base would be set in vain by those that inherit."""
    found = {}
    for name in BASES:
        cfg = Config.fromfile(CONFIGS / name, import_custom_modules=False)
        found[name] = set(cfg) - RUN_SETTINGS - PARTS.get(Path(name).parent.name, set())
    assert not {name: keys for name, keys in found.items() if keys}


def test_rows_name_settings():
    """Options of an ablation's rows name each setting, never the number of one."""
    keys = [key for name in ABLATIONS
            for row in Config.fromfile(CONFIGS / name).rows.values()
            for key in row.get('options', {})]
    assert not [key for key in keys if any(k.isdigit() for k in key.split('.'))]
