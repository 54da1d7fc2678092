"""Write checkpoints to a work dir without partial files, and find the latest one."""

import logging
import os.path as osp
import re
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mammo_plugins.io import atomic_path

_STEP = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


class _WholeFiles(LocalBackend):
    """MMEngine's local files, but each is either complete or missing."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file to a temporary name, then rename it."""
        with atomic_path(filepath) as temporary:
            temporary.write_bytes(obj)


def default_work_dir(config: str) -> str:
    """Return the default work dir of a run.

    Args:
        config (str): The config file.
    """
    return osp.join('work_dirs', Path(config).stem)


def write_whole_checkpoints() -> None:
    """Make MMEngine write checkpoints to a temporary name first.

    By default it writes them in place, so that a process that dies, or a full disk,
    leaves an incomplete checkpoint and may destroy a complete one. Our tools call this.
    """
    register_backend('local', _WholeFiles, force=True, prefixes='')


def checkpoint_folder(work_dir: str | Path, out_dir: str | None = None) -> Path:
    """Return the folder of a training's checkpoints.

    Args:
        work_dir (str | Path), out_dir (str, optional): As in
            :func:`latest_checkpoint`.
    """
    # not out_dir itself, which is shared with other trainings
    return Path(out_dir) / Path(work_dir).name if out_dir else Path(work_dir)


def latest_checkpoint(work_dir: str | Path, out_dir: str | None = None) -> str | None:
    """Return the checkpoint from which training in this folder resumes.

    This is the one named in ``last_checkpoint``, looked up in the training's own
    folder, which may have been moved. If that file is missing or wrong, it is the
    checkpoint of the latest epoch or iteration; a wrong file gives a warning.

    Args:
        work_dir (str | Path): The work dir, moved or not.
        out_dir (str, optional): ``out_dir`` of the config's ``CheckpointHook``, which
            keeps the checkpoints of several trainings there, in one folder per name.
    """
    folder = checkpoint_folder(work_dir, out_dir)
    note = Path(work_dir) / 'last_checkpoint'
    said = _first_line(note)
    name = Path(said or '').name
    if osp.isfile(folder / name):  # does not fail for odd names
        return str(folder / name)
    steps = {path: _STEP.fullmatch(path.name) for path in folder.glob('*.pth')}
    steps = {
        path: int(match[1]) for path, match in steps.items() if match and path.is_file()
    }
    newest = str(max(steps, key=steps.get)) if steps else None
    if said is not None and newest:
        what = f'names {name[:80]}, which is not in {folder}' if name else 'is empty'
        print_log(
            f'{note}: {what}; using the newest checkpoint, {newest}',
            logger='current',
            level=logging.WARNING,
        )
    return newest


def _first_line(note: Path) -> str | None:
    if not note.is_file():
        return None
    with open(note, encoding='utf-8', errors='replace') as file:
        return file.readline(4096).strip().replace('\0', '')
