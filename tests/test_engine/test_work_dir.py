"""Checkpoints in a work dir: whole, found again, and where the dir is now."""
import resource

import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner import save_checkpoint

from mammo_plugins.engine.work_dir import (follow_moved_folder, latest_checkpoint,
                                           write_whole_checkpoints)


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


@pytest.mark.parametrize('note, there, found', [
    ('OLD/epoch_2.pth', ['epoch_1.pth', 'epoch_2.pth', 'epoch_10.pth'], 'epoch_2.pth'),
    ('OLD/epoch_9.pth', ['epoch_2.pth', 'epoch_10.pth'], 'epoch_10.pth'),
    ('', ['iter_900.pth', 'iter_1000.pth', 'best_x_iter_2000.pth'], 'iter_1000.pth'),
    (None, ['epoch_3.pth'], 'epoch_3.pth'),
    (None, ['best_x_epoch_3.pth', 'coco.pth'], None),
    ('OLD/epoch_2.pth', [], None),
    (None, [], None),
])
def test_the_latest_checkpoint(tmp_path, note, there, found):
    for name in there:
        (tmp_path / name).touch()
    if note is not None:
        (tmp_path / 'last_checkpoint').write_text(note)
    assert latest_checkpoint(tmp_path) == (found and str(tmp_path / found))


def test_the_copy_goes_before_the_original(tmp_path):
    for folder in ('old', 'copy'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'epoch_1.pth').touch()
        (tmp_path / folder / 'last_checkpoint').write_text(
            str(tmp_path / 'old/epoch_1.pth'))
    assert latest_checkpoint(tmp_path / 'copy') == str(tmp_path / 'copy/epoch_1.pth')
    (tmp_path / 'copy/epoch_1.pth').unlink()  # CheckpointHook(out_dir=...)
    assert latest_checkpoint(tmp_path / 'copy') == str(tmp_path / 'old/epoch_1.pth')


def test_a_moved_training_knows_its_best_checkpoint(tmp_path):
    """Which is replaced by a better one, or is what the next stage begins with."""
    (tmp_path / 'best_a_epoch_1.pth').touch()
    facts = dict(best_ckpt='/old/best_a_epoch_1.pth', best_ckpt_b='/old/gone.pth',
                 last_ckpt=str(tmp_path / 'epoch_1.pth'), best_score=0.5, iter=3)
    checkpoint = dict(message_hub=dict(runtime_info=dict(facts)))
    follow_moved_folder(checkpoint, str(tmp_path))
    assert checkpoint['message_hub']['runtime_info'] == dict(
        facts, best_ckpt=str(tmp_path / 'best_a_epoch_1.pth'))
    follow_moved_folder(dict(state_dict={}), str(tmp_path))
