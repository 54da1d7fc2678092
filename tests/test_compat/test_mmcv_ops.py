"""What stands in for ``mmcv._ext``, when, and in whatever order things are imported."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import mmcv
import mmcv.ops
import pytest
import torch
from fresh_python import fresh_python

from mammo_plugins.compat import (
    BUILD_COMMAND,
    install_mmcv_ops,
    mmcv_ops,
    mmcv_ops_status,
)

ROOT = Path(__file__).parents[2]
EXT = mmcv_ops.EXT_NAME

needs_none_compiled = pytest.mark.skipif(
    install_mmcv_ops() != 'bridged', reason='mmcv has compiled operators'
)


def run_python(code, *path):
    """Run code in a fresh interpreter with folders at the head of its path."""
    env = dict(
        os.environ,
        OMP_NUM_THREADS='1',
        PYTHONPATH=os.pathsep.join([*map(str, path), str(ROOT)]),
    )
    return subprocess.run(
        [sys.executable, '-c', code],
        cwd=ROOT,
        env=env,
        text=True,
        capture_output=True,
        timeout=120,
    )


@pytest.fixture
def no_ext(monkeypatch):
    """As if the bridge had not been installed in this process."""
    monkeypatch.delitem(sys.modules, EXT)
    monkeypatch.delattr(mmcv, '_ext', raising=False)
    yield
    mmcv.__dict__.pop('_ext', None)


def make_ext(folder, monkeypatch, text):
    """Put a module of the compiled module's name where Python finds it in mmcv."""
    (folder / '_ext.py').write_text(text)
    monkeypatch.setattr(mmcv, '__path__', [*mmcv.__path__, str(folder)])
    importlib.invalidate_caches()


def test_status_names_every_operator_served():
    status = mmcv_ops_status()
    assert status.kind == install_mmcv_ops() == 'bridged'
    assert 'without compiled operators' in status.reason
    for name in status.served:
        op = getattr(sys.modules[EXT], name)
        assert op.__module__.startswith('mammo_plugins.compat.')
        assert op.__name__ == name


def test_installing_twice_changes_nothing():
    before = sys.modules[EXT]
    install_mmcv_ops()
    assert sys.modules[EXT] is before
    assert importlib.util.find_spec(EXT) is before.__spec__


def test_an_operator_not_served_says_so_when_called():
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(2, 2, 3, 3)
    layer = mmcv.ops.DeformConv2d(2, 2, 3)  # building it is no error
    offset = torch.zeros(1, 18, 3, 3)
    with pytest.raises(NotImplementedError) as error:
        layer(x, offset)
    assert "'deform_conv_forward'" in str(error.value)
    assert BUILD_COMMAND in str(error.value)
    with pytest.raises(NotImplementedError, match='modulated_deform_conv_forward'):
        mmcv.ops.modulated_deform_conv2d(
            x, offset, torch.ones(1, 9, 3, 3), weight, None, 1, 0, 1, 1, 1
        )


def test_private_names_are_not_operators():
    for name in ('__path__', '__file__', '_private'):
        with pytest.raises(AttributeError, match=name):
            getattr(sys.modules[EXT], name)


def test_compiled_operators_win(no_ext, tmp_path, monkeypatch):
    make_ext(tmp_path, monkeypatch, 'def nms(*args, **kwargs): return "compiled"\n')
    assert install_mmcv_ops() == 'compiled'
    assert sys.modules[EXT].nms() == 'compiled'
    assert mmcv_ops_status() == mmcv_ops.OpsStatus('compiled')


def test_compiled_operators_that_do_not_load_are_reported(
    no_ext, tmp_path, monkeypatch
):
    make_ext(tmp_path, monkeypatch, 'raise ImportError("undefined symbol: _ZN3c10")\n')
    with pytest.warns(RuntimeWarning, match='_ZN3c10') as caught:
        assert install_mmcv_ops() == 'bridged'
    assert BUILD_COMMAND in str(caught[0].message)
    assert 'undefined symbol' in mmcv_ops_status().reason
    assert callable(sys.modules[EXT].nms)


@pytest.mark.parametrize('entry', [None, 'missing'])
def test_nothing_is_done_without_mmcv(no_ext, monkeypatch, entry):
    if entry is None:  # the way Python marks a module that may not be imported
        monkeypatch.setitem(sys.modules, 'mmcv', None)
    else:
        monkeypatch.delitem(sys.modules, 'mmcv')
        monkeypatch.setattr(mmcv_ops.importlib.util, 'find_spec', lambda name: None)
    assert mmcv_ops_status() == mmcv_ops.OpsStatus(
        'absent', reason='mmcv is not installed'
    )
    assert EXT not in sys.modules


def test_compiled_operators_win_when_mmcv_is_imported_after_us(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').touch()
    # As in the real module, loading fails unless torch's libraries are there.
    (tmp_path / 'mmcv' / '_ext.py').write_text(
        'import sys\nif "torch" not in sys.modules: raise ImportError("libc10.so")\n'
    )
    result = run_python(
        'import mammo_plugins, mmcv._ext\n'
        'print(mammo_plugins.compat.mmcv_ops_status().kind, mmcv._ext.__file__)',
        tmp_path,
    )
    assert result.stdout.split() == ['compiled', str(tmp_path / 'mmcv' / '_ext.py')]
    assert result.stderr == ''


@needs_none_compiled
def test_mmdet_that_failed_to_import_succeeds_after_us(tmp_path):
    result = fresh_python(
        tmp_path,
        """
import mmcv, mmdet
try:
    import mmdet.models
except ModuleNotFoundError as error:
    print(error)
import mammo_plugins
import mmdet.models
import torch
from mmcv.ops import nms
print(mmdet.models.FasterRCNN.__name__)
print(nms(torch.tensor([[0., 0, 2, 2], [0, 0, 2, 2]]), torch.ones(2), 0.5)[1].tolist())
""",
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "No module named 'mmcv._ext'" in lines
    assert lines[-2:] == ['FasterRCNN', '[0]']


@needs_none_compiled
def test_custom_imports_suffice_for_mmengines_runner(tmp_path):
    (tmp_path / 'config.py').write_text("""
default_scope = 'mmdet'
custom_imports = dict(imports=['mammo_plugins'])
work_dir = 'work_dirs'
model = dict(
    type='RetinaHead', num_classes=1, in_channels=8, feat_channels=8, stacked_convs=1)
""")
    result = fresh_python(
        tmp_path,
        """
import sys
from mmengine.config import Config
from mmengine.runner import Runner
runner = Runner.from_cfg(Config.fromfile('config.py'))
print(type(runner.model).__module__, type(sys.modules['mmcv._ext']).__name__)
""",
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == (
        'mmdet.models.dense_heads.retina_head BridgedExt'
    )
