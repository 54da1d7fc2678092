"""Earlier output in a work dir: resumed, replaced or kept, and reported."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mammo_plugins.engine.work_dir import latest_checkpoint
from mammo_plugins.io import JsonError, read_json, write_json
from mammo_plugins.printable import number_of, one_line

from .config_loading import ConfigError

_TESTED = 'tested.json'


def counted(names: Sequence[str], what: str) -> str:
    """Return such as '4 files (a, b, c and 1 more)'.

    Args:
        names (Sequence[str]): Names of the items.
        what (str): Noun for one item.
    """
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return f'{number_of(len(names), what)} ({", ".join(sorted(names)[:3])}{more})'


def begin_training(cfg: Config, resume: str | None) -> None:
    """Set how a training starts, from its options and its work dir.

    Args:
        cfg (Config): Config of the run; ``resume`` and ``load_from`` are set.
        resume (str, optional): ``--resume``: a checkpoint, or 'auto' for the latest one
            in the work dir, if any.

    Raises:
        ConfigError: If the work dir contains checkpoints of another training.
    """
    folder = Path(cfg.work_dir)
    if resume is None and cfg.get('resume') and not cfg.get('load_from'):
        resume = 'auto'
    if resume == 'auto':
        # start from the config's load_from until there is a checkpoint
        hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        latest = latest_checkpoint(folder, hook.get('out_dir'))
        cfg.resume = latest is not None
        if cfg.resume:
            cfg.load_from = latest
    elif resume is not None:
        cfg.resume, cfg.load_from = True, resume
    there = [
        path.name
        for kind in ('epoch_*', 'iter_*', 'best_*')
        for path in folder.glob(f'{kind}.pth')
    ]
    if not there:
        return
    found = f'{folder}: holds {counted(there, "checkpoint")}{_configs(folder)}'
    if not cfg.get('resume') or (
        Path(cfg.load_from).resolve().parent != folder.resolve()
    ):
        raise ConfigError(
            f'{found}; another training would mix its own with them. Resume with '
            '--resume, give another --work-dir, or delete this one'
        )
    _say(f'{found}; going on from {Path(cfg.load_from).name}')


@contextmanager
def tested(
    cfg: Config, checkpoint: str, ensemble: Sequence[str] = (), tta: str | None = None
) -> Iterator[None]:
    """Report which results a test replaces, and record the model of the new ones.

    Args:
        cfg (Config): Config of the run.
        checkpoint (str): The tested checkpoint.
        ensemble (Sequence[str]), tta (str, optional): As in
            :class:`~.trained_model.TrainedModel`.
    """
    folder, note = Path(cfg.work_dir) / 'test', Path(cfg.work_dir) / _TESTED
    before = _written(folder)
    if before:
        of = _told_by(note) or ' of an earlier test'
        _say(
            f'{folder}: holds {counted(list(before), "file")}{of}; those of the same '
            'names are replaced'
        )
    yield
    after = _written(folder)
    stale = [name for name, time in before.items() if after.get(name) == time]
    if stale:
        _say(
            f'{folder}: {counted(stale, "file")} of the earlier test left; this test '
            'writes no such'
        )
    if _is_first():
        write_json(
            note,
            dict(
                config=Path(cfg.filename or '').name,
                checkpoint=Path(checkpoint).name,
                **ensemble_names(ensemble, tta),
            ),
        )


def ensemble_names(ensemble: Sequence[str], tta: str | None) -> dict[str, Any]:
    """Return the description of an ensemble in results; empty for a single model.

    Args:
        ensemble (Sequence[str]), tta (str, optional): As in
            :class:`~.trained_model.TrainedModel`.
    """
    names = [Path(path).name for path in ensemble]
    return {**(dict(ensemble=names) if names else {}), **(dict(tta=tta) if tta else {})}


def _told_by(note: Path) -> str:
    """Return the model of an earlier test's results, '' if it was not recorded."""
    try:
        earlier = read_json(note)
        names = [earlier['checkpoint'], *earlier.get('ensemble', ())]
        flips = f' with --tta {one_line(earlier["tta"])}' if earlier.get('tta') else ''
        return f' of {", ".join(map(one_line, names))}{flips} by {one_line(earlier["config"])}'
    except (OSError, JsonError, TypeError, KeyError, AttributeError):
        return ''


def _written(folder: Path) -> dict[str, int]:
    return {
        path.name: path.stat().st_mtime_ns
        for path in folder.glob('*')
        if path.is_file()
    }


def _configs(folder: Path) -> str:
    names: list[str] = sorted(path.name for path in folder.glob('*.py'))
    return f' of {", ".join(names)}' if names else ''


def _is_first() -> bool:
    """Return whether this process should print, even before a group exists."""
    return os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0'


def _say(text: str) -> None:
    if _is_first():
        print(text)
