"""Commands that are killed, and several that write to one place."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.registry import MODELS

from .harness import ROOT, Fault, Fuzzer

CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
_VAIN = ('minutes', 'seconds')  # keys of what takes its time


def _start(words: list[Any]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
    )


def _finish(process: subprocess.Popen) -> None:
    err = process.communicate()[1]
    # of verification status 1 is a finding
    if process.returncode not in (0, 1) or 'Traceback (most' in err:
        raise Fault('a command failed', f'status {process.returncode}: {err[-1500:]}')


def _descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f'/proc/{pid}/task').iterdir())
        children = [
            int(child)
            for task in tasks
            for child in (task / 'children').read_text().split()
        ]
    except OSError:
        return []
    return [*children, *(each for child in children for each in _descendants(child))]


def _is_alive(pid: int) -> bool:
    try:
        return (
            Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
        )
    except OSError:
        return False


def _content(folder: Path) -> dict[str, Any]:
    """Return what a folder holds; folders of figures and caches by their files."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob('*')):
        name = str(path.relative_to(folder))
        if path.is_symlink() or path.is_dir() or path.suffix == '.jsonl':
            continue  # lines may come twice, and in any order
        if path.name.startswith('.'):
            raise Fault('left behind', name)
        data = path.read_bytes()
        found[name] = (
            data
            if path.suffix != '.npz'
            else {key: value.tobytes() for key, value in np.load(path).items()}
        )
    return found


class Killed(Fuzzer):
    """kill -9 at any time, the same command again, and the result of one run."""

    name = 'commands killed, or several at once'
    seconds = 300.0
    in_suite = 1

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._whole: dict[str, tuple[float, dict[str, Any]]] = {}
        self.data = folder / 'whole/phantom/out'
        self._of('phantom')

    @staticmethod
    def _phantom(out: Path) -> list[Any]:
        return [
            'tools/dataset_converters/phantom.py',
            '--exams',
            4,
            '--size',
            128,
            64,
            '--prevalence',
            1,
            '--lesion-diameter',
            15,
            25,
            '--workers',
            2,
            '--out',
            out,
        ]

    def _generic(self, out: Path) -> list[Any]:
        return [
            'tools/dataset_converters/generic.py',
            self.data / 'dicom',
            '--workers',
            2,
            '--cache-dir',
            out.parent / 'cache',
            '--out',
            out,
        ]

    def _verify(self, out: Path) -> list[Any]:
        out.mkdir(parents=True, exist_ok=True)
        return [
            'tools/verify_dataset.py',
            self.data / 'annotations/train.json',
            '--check-pixels',
            '--workers',
            2,
            '--json',
            out / 'report.json',
        ]

    def _infer(self, out: Path) -> list[Any]:
        checkpoint = self.folder / 'untrained.pth'
        if not checkpoint.exists():
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope('mammo'):
                model = MODELS.build(Config.fromfile(str(ROOT / CONFIG)).model)
            torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
        return [
            'tools/infer.py',
            CONFIG,
            checkpoint,
            self.data / 'dicom',
            '--device',
            'cpu',
            '--out',
            out,
        ]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        command = ('phantom', 'generic', 'verify', 'infer')[number % 4]
        share = rng.random()
        if number % 8 > 3 and command in ('phantom', 'generic'):
            return f'two of {command} at once', lambda: self._together(command, share)
        return f'{command} killed at {share:.2f}', lambda: self._kill(command, share)

    def _of(self, command: str) -> tuple[float, dict[str, Any]]:
        """Return seconds and result of a run that nobody kills."""
        if command not in self._whole:
            out = self.folder / 'whole' / command / 'out'
            begin = time.time()
            _finish(_start(getattr(self, f'_{command}')(out)))
            self._whole[command] = time.time() - begin, _content(out.parent)
        return self._whole[command]

    def _compare(self, command: str, out: Path) -> None:
        whole, found = self._of(command)[1], _content(out.parent)
        shutil.rmtree(out.parent)
        for name in {**whole, **found}:
            if whole.get(name) != found.get(name) and not _same_facts(
                whole.get(name), found.get(name)
            ):
                raise Fault('another result', name)

    def _kill(self, command: str, share: float) -> str:
        seconds, _ = self._of(command)
        # at one place, which results may name
        out = self.folder / 'killed' / command / 'out'
        process = _start(getattr(self, f'_{command}')(out))
        time.sleep(share * seconds)
        workers = _descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        deadline = time.time() + 20
        while any(map(_is_alive, workers)):
            if time.time() > deadline:
                for pid in filter(_is_alive, workers):
                    os.kill(pid, signal.SIGKILL)
                raise Fault('workers outlived their parent')
            time.sleep(0.1)
        _finish(_start(getattr(self, f'_{command}')(out)))
        self._compare(command, out)
        return 'equal'

    def _together(self, command: str, share: float) -> str:
        self._of(command)
        out = self.folder / 'together' / command / 'out'
        first = _start(getattr(self, f'_{command}')(out))
        time.sleep(share)
        second = _start(getattr(self, f'_{command}')(out))
        for process in (first, second):
            _finish(process)
        self._compare(command, out)
        return 'equal'


def _same_facts(one: Any, other: Any) -> bool:
    """Tell whether two files are JSON of the same facts, but for places and times."""
    try:
        return _facts(json.loads(one)) == _facts(json.loads(other))
    except (TypeError, ValueError):
        return False


def _facts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _facts(item) for key, item in value.items() if key not in _VAIN}
    if isinstance(value, list):
        return [_facts(item) for item in value]
    return value
