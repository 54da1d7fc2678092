"""Fixtures that several packages' tests share."""

import gc
import os
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

# two workers share two cores: one thread each is fastest
os.environ.setdefault('OMP_NUM_THREADS', '1')

import mammo_plugins  # noqa: F401 isort:skip (bridges mmcv.ops before mmdet)
import pytest
from forked_tools import ForkedTool


@pytest.fixture(scope='session')
def phantom_root(tmp_path_factory):
    """A data set of eight tiny phantom exams, six to train and two to test."""
    from mammo_plugins.phantom import (
        PhantomConfig,
        PhantomDatasetConfig,
        write_phantom_dataset,
    )

    root = tmp_path_factory.mktemp('data') / 'phantom'
    phantom = PhantomConfig(
        size=(128, 64), prevalence=0.75, lesion_diameter_mm=(15.0, 25.0)
    )
    write_phantom_dataset(root, PhantomDatasetConfig(exams=8, seed=3, phantom=phantom))
    for path in (root / 'dicom').rglob('*.dcm'):
        _plant_identity(path)
    return root


@pytest.fixture(scope='session')
def cem_root(tmp_path_factory):
    """Six tiny contrast-enhanced phantom exams with large lesions, four to train."""
    from mammo_plugins.phantom import (
        PhantomConfig,
        PhantomDatasetConfig,
        write_phantom_dataset,
    )

    root = tmp_path_factory.mktemp('data') / 'cem'
    phantom = PhantomConfig(
        size=(128, 64), prevalence=1.0, lesion_diameter_mm=(15.0, 25.0), cem=True
    )
    write_phantom_dataset(
        root,
        PhantomDatasetConfig(
            exams=6, seed=5, split=(0.667, 0.0, 0.333), phantom=phantom
        ),
    )
    for path in (root / 'dicom').rglob('*.dcm'):
        _plant_identity(path)
    return root


@pytest.fixture(scope='session')
def pixel_cache(tmp_path_factory):
    """A folder in which tests that read the same exams keep their pixels."""
    return str(tmp_path_factory.mktemp('pixels'))


@contextmanager
def own_globals():
    """A Runner sets the default scope, logger and so on of its process; undo that.

    A logger left behind would write to what a later test has closed.
    """
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    before = [
        (kept, kept._instance_dict.copy())
        for kept in (DefaultScope, MMLogger, MessageHub, Visualizer)
    ]
    try:
        yield
    finally:
        for kept, earlier in before:
            kept._instance_dict = earlier  # MMEngine may have put another in its place


@pytest.fixture(autouse=True)
def _own_globals():
    with own_globals():
        yield


@pytest.fixture(autouse=True)
def _texts_of_configs_unformatted(monkeypatch):
    """Spare a Runner the layout of its config's text: a second, several times a run."""
    monkeypatch.setattr(
        'yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True)
    )


@pytest.fixture
def start_tool(tmp_path):
    """Start a command in a process of its own; what still runs is killed in the end."""
    started = []

    def start(path, *arguments, **environment):
        started.append(ForkedTool(tmp_path, path, *arguments, **environment))
        return started[-1]

    yield start
    for tool in started:
        tool.kill()


@pytest.fixture
def run_tool(monkeypatch, capsys):
    """Run a command in this process, which has imported the libraries already."""
    root = Path(__file__).parents[1]

    def run(path, *arguments, folder=root):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            with own_globals():  # several runs a second are named alike
                runpy.run_path(str(root / path), run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
        return SimpleNamespace(returncode=code, **capsys.readouterr()._asdict())

    return run


TESTS = Path(__file__).parent
SLOW = {
    line
    for line in (TESTS / 'slow_tests.txt').read_text().splitlines()
    if not line.startswith('#')
}


def pytest_collection_modifyitems(items):
    """Mark what is slow; begin with trainings, so that no worker ends with one alone."""
    for item in items:
        name = getattr(item, 'originalname', item.name)
        if f'{item.path.relative_to(TESTS).as_posix()}::{name}' in SLOW:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: 'test_training' not in item.path.parts)


def pytest_collection_finish():
    """Leave the libraries out of garbage collections: each data set of mmengine asks
    for one, which would take half a second.
    """
    gc.collect()
    gc.freeze()


IDENTITY = ('Secretname', 'PID-7788', '19610203')


def _plant_identity(path):
    import pydicom

    ds = pydicom.dcmread(path)
    ds.PatientName, ds.PatientID = 'Secretname^Planted', 'PID-7788'
    ds.PatientBirthDate = '19610203'
    ds.OtherPatientIDs = 'PID-7788'
    ds.StudyDescription = 'mammogram of Secretname'
    ds.save_as(path)


@pytest.fixture(scope='session')
def assert_private():
    """Check that texts and all files of folders are free of the planted identity."""

    def check(*texts_or_folders):
        for item in texts_or_folders:
            files = (
                [p for p in item.rglob('*') if p.is_file()]
                if isinstance(item, Path)
                else []
            )
            assert not isinstance(item, Path) or files
            for text in [p.read_bytes() for p in files] or [item.encode()]:
                for secret in IDENTITY:
                    assert secret.encode() not in text

    return check
