"""Checkpoints in a work dir: whole, found again, and where the dir is now."""

import resource

import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import MMLogger
from mmengine.runner import save_checkpoint

from mammo_plugins.engine.work_dir import latest_checkpoint, write_whole_checkpoints


@pytest.fixture
def whole():
    write_whole_checkpoints()
    yield
    register_backend('local', LocalBackend, force=True, prefixes='')


@pytest.mark.parametrize('name', ['epoch_1.pth', 'best_froc_recall_epoch_1.pth'])
def test_a_full_disk_leaves_the_checkpoint_of_before(whole, tmp_path, name):
    path = tmp_path / 'new folder' / name
    save_checkpoint(dict(state_dict=dict(a=torch.ones(3))), str(path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError) as error:
            save_checkpoint(dict(state_dict=dict(a=torch.ones(99_999))), str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(path)
    assert torch.load(path)['state_dict']['a'].tolist() == [1, 1, 1]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    'note, there, found',
    [
        (
            'OLD/epoch_2.pth',
            ['epoch_1.pth', 'epoch_2.pth', 'epoch_10.pth'],
            'epoch_2.pth',
        ),
        ('OLD/epoch_9.pth', ['epoch_2.pth', 'epoch_10.pth'], 'epoch_10.pth'),
        (
            '',
            ['iter_900.pth', 'iter_1000.pth', 'best_x_iter_2000.pth'],
            'iter_1000.pth',
        ),
        (None, ['epoch_3.pth'], 'epoch_3.pth'),
        (None, ['best_x_epoch_3.pth', 'coco.pth'], None),
        ('OLD/epoch_2.pth', [], None),
        (None, [], None),
    ],
)
def test_the_latest_checkpoint(tmp_path, note, there, found):
    for name in there:
        (tmp_path / name).touch()
    if note is not None:
        (tmp_path / 'last_checkpoint').write_text(note)
    assert latest_checkpoint(tmp_path) == (found and str(tmp_path / found))


def test_only_the_own_folder_counts(tmp_path):
    """A note may say anything; the training of before, too, keeps its checkpoints."""
    for folder in ('old', 'copy', 'kept/copy'):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / 'epoch_1.pth').touch()
    note = tmp_path / 'copy/last_checkpoint'
    note.write_text(str(tmp_path / 'old/epoch_1.pth'))
    assert latest_checkpoint(tmp_path / 'copy') == str(tmp_path / 'copy/epoch_1.pth')
    kept = latest_checkpoint(tmp_path / 'copy', str(tmp_path / 'kept'))
    assert kept == str(tmp_path / 'kept/copy/epoch_1.pth')
    (tmp_path / 'copy/epoch_1.pth').unlink()
    assert latest_checkpoint(tmp_path / 'copy') is None


@pytest.mark.parametrize(
    'said, what',
    [
        (b'', 'is empty'),
        (b'\n', 'is empty'),
        (b'OLD/epoch_9.pth', 'names epoch_9.pth'),
        (b'\xff\xfe\0epoch_2', 'names'),
        (b'x' * 9999, 'names xxx'),
    ],
)
def test_a_broken_note_is_told(tmp_path, caplog, said, what):
    (tmp_path / 'epoch_2.pth').touch()
    (tmp_path / 'last_checkpoint').write_bytes(said)
    logger = MMLogger.get_instance('note')
    logger.addHandler(caplog.handler)
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')
    assert f'last_checkpoint: {what}' in caplog.text
    assert 'epoch_2.pth' in caplog.text
