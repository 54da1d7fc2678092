"""Packages that mmdet and mmpretrain can do without, there but broken.

Stand-ins lie in a folder on ``sys.path``.
"""

import importlib
import inspect
import json
import sys
from importlib import metadata

import mmdet.models
import pytest
from fresh_python import fresh_python

from mammo_plugins.compat import guard_optional_packages, left_out
from mammo_plugins.compat.optional_packages import _Finder

# what stands in for transformers 5
TRANSFORMERS = {
    'names missing': '__version__ = "5.0.0"',
    'names raise': """
def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    raise RuntimeError(f'Failed to import {name}: PyTorch >= 2.9 is required')
""",
    # under each name of the package and of any module in it
    'names are functions': """
import sys
class Everything(type(sys)):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args, **kwargs: None
for name in ('activations', 'generation', 'generation.utils', 'modeling_outputs',
             'modeling_utils', 'models', 'models.auto', 'models.auto.auto_factory',
             'models.bert', 'models.bert.configuration_bert',
             'models.bert.modeling_bert', 'pytorch_utils', 'utils'):
    sys.modules[f'transformers.{name}'] = Everything(f'transformers.{name}')
sys.modules['transformers'].__class__ = Everything
""",
    'metadata alone': None,
}
# optional packages of mmengine, mmcv, mmdet and mmpretrain, by what they may raise
BROKEN = {
    'albumentations': 'AttributeError("`np.float_` was removed in NumPy 2.0")',
    'bitsandbytes': 'RuntimeError("CUDA setup failed")',
    'deepspeed': 'OSError("CUDA_HOME does not exist")',
    'imagecorruptions': 'TypeError("no such argument")',
    'lap': 'SystemError("initialization failed")',
    'panopticapi': 'ValueError("numpy.dtype size changed")',
    'transformers': 'RuntimeError("PyTorch >= 2.9 is required")',
}
# what a run has found, or how it failed, is printed last
FIND = """
import json, traceback
found = {}
try:
    exec(%r, dict(found=found))
except BaseException:
    found['error'] = traceback.format_exc()
print(json.dumps(found))
"""
IMPORTS = """
import mammo_plugins
import mmpretrain.models, mmpretrain.datasets, mmdet.models, mmdet.datasets
import mmengine.runner, mmdet.evaluation
from mmpretrain.registry import MODELS
found['same'] = MODELS.get('ResNet') is mmpretrain.models.ResNet
found['names'] = sorted(MODELS.module_dict)
from mmengine.registry import OPTIMIZERS
found['optimizers'] = sorted(OPTIMIZERS.module_dict)
from mammo_plugins.compat import left_out
found['left_out'] = left_out()
import importlib, sys
found['hidden'] = [n for n, m in sys.modules.items() if m is None]
for name in users:
    try:
        found[name] = getattr(importlib.import_module(name), '__file__', None)
    except Exception as error:
        found[name] = type(error).__name__
"""
TOGETHER = """
import mammo_plugins.models, mammo_plugins.datasets, mammo_plugins.engine.hooks
import mammo_plugins.engine.loops, mammo_plugins.apis
"""


def transformers(folder, source):
    """Lay a stand-in of transformers 5 in a folder."""
    info = folder / 'transformers-5.0.0.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: transformers\nVersion: 5.0.0\n'
    )
    if source is not None:
        (folder / 'transformers').mkdir()
        (folder / 'transformers/__init__.py').write_text(source)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """What each stand-in leads to, by its name."""
    root = tmp_path_factory.mktemp('stand_ins')
    tasks = {}
    for name, source in TRANSFORMERS.items():
        folder = root / name.replace(' ', '_')
        transformers(folder, source)
        tasks[name] = folder, f'users = ["transformers"]\n{IMPORTS}'
    tasks['names are functions'] = (
        folder.parent / 'names_are_functions',
        (
            f'import transformers\nusers = ["transformers"]\n{IMPORTS}\n'
            'found["kept"] = sys.modules["transformers"] is transformers'
        ),
    )
    tasks['names missing'] = (
        root / 'names_missing',
        tasks['names missing'][1] + TOGETHER,
    )
    tasks['unguarded'] = root / 'names_missing', 'import mmpretrain.models'
    folder = root / 'broken'
    folder.mkdir()
    for name, error in BROKEN.items():
        (folder / f'{name}.py').write_text(f'raise {error}')
    tasks['broken'] = folder, f'users = {[*BROKEN]}\n{IMPORTS}'
    tasks['broken, unguarded'] = folder, 'import mmengine.optim'
    found = {}
    for name, (folder, code) in tasks.items():
        done = fresh_python(root, FIND % code, [folder])
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize('shape', [*TRANSFORMERS, 'broken'])
def test_everything_imports_beside_it(runs, shape):
    run = runs[shape]
    assert 'error' not in run, run.get('error')
    assert run['same']
    # placeholders stand for what needs transformers
    assert {'ImageClassifier', 'VisionTransformer', 'BlipCaption', 'OFA'} <= {
        *run['names']
    }
    assert run['names'] == runs['names missing']['names']
    assert {'Adam', 'SGD', 'TorchAdafactor'} <= {*run['optimizers']}
    assert 'Adafactor' not in run['optimizers'] or shape == 'names are functions'


@pytest.mark.parametrize(
    'shape, reason',
    [
        ('names missing', "ImportError: cannot import name 'AutoConfig'"),
        ('metadata alone', "ModuleNotFoundError: No module named 'transformers'"),
        (
            'names are functions',
            'TypeError: transformers.PreTrainedModel is not a class',
        ),
        ('names raise', 'RuntimeError: Failed to import AutoTokenizer: PyTorch'),
    ],
)
def test_it_is_said_that_transformers_is_left_out(runs, shape, reason):
    assert runs[shape]['left_out'].keys() == {'transformers'}
    assert runs[shape]['left_out']['transformers'].startswith(reason)


def test_the_users_transformers_is_as_it_was(runs):
    for shape in ('names missing', 'names raise', 'names are functions'):
        assert runs[shape]['transformers'].endswith('transformers/__init__.py')
        assert 'transformers' not in runs[shape]['hidden']
    assert runs['metadata alone']['transformers'] == 'ModuleNotFoundError'
    assert runs['names are functions']['kept']


def test_without_the_guard_it_breaks(runs):
    """Should upstream mend it, the guard can go."""
    assert 'cannot import name' in runs['unguarded']['error']
    assert 'CUDA setup failed' in runs['broken, unguarded']['error']


def test_broken_optional_packages_count_as_absent(runs):
    run = runs['broken']
    assert run['left_out'].keys() == BROKEN.keys()
    for name, error in BROKEN.items():
        kind, _, text = error.partition('("')
        assert run['left_out'][name] == f'{kind}: {text[:-2]}'
        assert run[name] == kind  # for whoever imports it himself


def test_the_finder_is_put_in_place_once():
    count = sum(isinstance(finder, _Finder) for finder in sys.meta_path)
    guard_optional_packages()
    assert count == 1
    assert count == sum(isinstance(finder, _Finder) for finder in sys.meta_path)


def test_guarded_modules_keep_their_loader():
    assert inspect.getsource(mmdet.models) and mmdet.models.__spec__.has_location
    assert mmdet.models.__loader__ is mmdet.models.__spec__.loader
    assert type(mmdet.models.__loader__) is type(mmdet.__loader__)


def test_left_out_cannot_be_changed():
    left_out()['torch'] = 'gone'
    assert 'torch' not in left_out()


def test_errors_of_modules_named_in_configs_stay_what_they_are(tmp_path, monkeypatch):
    """MMEngine imports ``custom_imports`` by a call; they are no optional packages."""
    from mmengine.utils import import_modules_from_strings

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'users_module.py').write_text('raise ValueError("a mistake")')
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match='a mistake'):
        import_modules_from_strings('users_module', allow_failed_imports=True)


def test_versions_of_transformers_that_upstream_names():
    """The doctor quotes them from mmpretrain's own metadata."""
    asked = [
        line
        for line in metadata.requires('onedl-mmpretrain')
        if line.startswith('transformers')
    ]
    assert len(asked) == 1 and 'multimodal' in asked[0]
