"""Checkpoints in a work dir: written whole, found again, also where it was moved."""

import logging
import os.path as osp
import re
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mammo_plugins.io import atomic_path

_STEP = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


class _WholeFiles(LocalBackend):
    """MMEngine's files of this machine, each there whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file by a temporary name."""
        with atomic_path(filepath) as temporary:
            temporary.write_bytes(obj)


def default_work_dir(config: str) -> str:
    """Return the work dir of a run that does not say its own.

    Args:
        config (str): The config file.
    """
    return osp.join('work_dirs', Path(config).stem)


def write_whole_checkpoints() -> None:
    """Make MMEngine write checkpoints to a temporary name first.

    It writes them in place, so that a process that dies, or a full disk, leaves half
    a checkpoint where a whole one may have been. Our tools call this.
    """
    register_backend('local', _WholeFiles, force=True, prefixes='')


def checkpoint_folder(work_dir: str | Path, out_dir: str | None = None) -> Path:
    """Return where a training keeps its checkpoints.

    Args:
        work_dir (str | Path), out_dir (str, optional): As in
            :func:`latest_checkpoint`.
    """
    # not out_dir itself, which other trainings share
    return Path(out_dir) / Path(work_dir).name if out_dir else Path(work_dir)


def latest_checkpoint(work_dir: str | Path, out_dir: str | None = None) -> str | None:
    """Return the checkpoint that a training in this folder goes on from.

    That of the name in ``last_checkpoint``, in the training's own folder wherever it
    was moved from; without it that of the latest epoch or iteration, which is said.

    Args:
        work_dir (str | Path): The work dir, moved or not.
        out_dir (str, optional): Of the config's ``CheckpointHook``, which keeps the
            checkpoints of several trainings there, each in a folder of its name.
    """
    folder = checkpoint_folder(work_dir, out_dir)
    note = Path(work_dir) / 'last_checkpoint'
    said = _first_line(note)
    name = Path(said or '').name
    if osp.isfile(folder / name):  # which no odd name makes fail
        return str(folder / name)
    steps = {path: _STEP.fullmatch(path.name) for path in folder.glob('*.pth')}
    steps = {
        path: int(match[1]) for path, match in steps.items() if match and path.is_file()
    }
    newest = str(max(steps, key=steps.get)) if steps else None
    if said is not None and newest:
        what = f'names {name[:80]}, which is not in {folder}' if name else 'is empty'
        print_log(
            f'{note}: {what}; the newest checkpoint is taken, {newest}',
            logger='current',
            level=logging.WARNING,
        )
    return newest


def _first_line(note: Path) -> str | None:
    if not note.is_file():
        return None
    with open(note, encoding='utf-8', errors='replace') as file:
        return file.readline(4096).strip().replace('\0', '')
