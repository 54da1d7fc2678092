"""A detector and an archive that are small, and quick."""

import shutil

import pytest
from archive_runs import quick_detector, write_checkpoint

from mammo_plugins.structures.exam_indexing import index_exams


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
    """The path of a checkpoint of ``CONFIG``, not trained."""
    return write_checkpoint(tmp_path_factory.mktemp('checkpoint') / 'a.pth')


@pytest.fixture(scope='session')
def inferencer(checkpoint):
    """A detector whose answers depend on the pixels, without a network's work."""
    return quick_detector(checkpoint)


@pytest.fixture
def archive(phantom_root, tmp_path):
    """Five exams: one has a view cut short, one no view that is whole."""
    root = tmp_path / 'archive'
    for number in range(1, 6):
        name = f'phantom_000{number}'
        shutil.copytree(phantom_root / 'dicom' / name, root / name)
    for name in ('phantom_0002/L_CC.dcm', 'phantom_0004/*.dcm'):
        for path in root.glob(name):
            path.write_bytes(path.read_bytes()[:-2000])
    (root / 'readme.txt').write_text('no image')
    return root


@pytest.fixture
def index(archive, tmp_path):
    """The path of the archive's index."""
    index_exams(archive, tmp_path / 'exams.jsonl')
    return tmp_path / 'exams.jsonl'
