"""Checkpoints in a work dir: written whole, found again, also where it was moved."""
import os.path as osp
import re
from pathlib import Path
from typing import Optional, Union

from mmengine.fileio import LocalBackend, register_backend

from mammo_plugins.io import atomic_path

_STEP = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


class _WholeFiles(LocalBackend):
    """MMEngine's files of this machine, each there whole or not at all."""

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Write a file by a temporary name."""
        with atomic_path(filepath) as temporary:
            temporary.write_bytes(obj)


def write_whole_checkpoints() -> None:
    """Make MMEngine write checkpoints to a temporary name first.

    It writes them in place, so that a process that dies, or a full disk, leaves half
    a checkpoint where a whole one may have been. Our tools call this.
    """
    register_backend('local', _WholeFiles, force=True, prefixes='')


def latest_checkpoint(work_dir: Union[str, Path]) -> Optional[str]:
    """Return the checkpoint that a training in this folder goes on from.

    That which ``last_checkpoint`` names, in the folder itself before elsewhere, since
    its path is of where the training ran; without it that of the latest epoch or
    iteration.

    Args:
        work_dir (str | Path): The work dir, moved or not.
    """
    work_dir = Path(work_dir)
    note = work_dir / 'last_checkpoint'
    named = Path(note.read_text().strip() if note.is_file() else '')
    for path in (work_dir / named.name, named):
        if path.is_file():
            return str(path)
    steps = {path: _STEP.fullmatch(path.name) for path in work_dir.glob('*.pth')}
    steps = {path: int(match[1]) for path, match in steps.items() if match}
    return str(max(steps, key=steps.get)) if steps else None


def follow_moved_folder(checkpoint: dict, work_dir: str) -> None:
    """Let a checkpoint name the others of its training where they are now.

    Args:
        checkpoint (dict): A loaded checkpoint of MMEngine, changed in place.
        work_dir (str): Where the training goes on.
    """
    facts = checkpoint.get('message_hub', {}).get('runtime_info', {})
    for key, path in facts.items():
        if key.startswith(('best_ckpt', 'last_ckpt')) and isinstance(path, str):
            here = osp.join(work_dir, osp.basename(path))
            if osp.isfile(here):
                facts[key] = here
