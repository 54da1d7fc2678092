"""The machine: system, memory, disk, GPUs."""

import contextlib
import os
import platform
import shutil
import sys
from pathlib import Path

from .check import Check, describe, gib
from .packages import BOUNDS, within


def memory() -> str:
    """Return the memory of the machine, or of the container if that is less."""
    try:
        total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, ValueError, OSError):  # Windows
        return 'unknown'
    with contextlib.suppress(OSError, ValueError):
        limit = int(Path('/sys/fs/cgroup/memory.max').read_text())
        if limit < total:
            return f'{gib(limit)} (limit of the container)'
    return gib(total)


def system_checks() -> list[Check]:
    """Check Python, operating system, cores, memory and disk."""
    python = platform.python_version()
    found = f'{python}, supported {BOUNDS["python"]}'
    checks = [
        Check('Python', found)
        if within(python, BOUNDS['python'])
        else Check(
            'Python',
            found,
            'problem',
            f'make an environment with Python {BOUNDS["python"]}',
        ),
        Check(
            'system', f'{platform.system()} {platform.release()} {platform.machine()}'
        ),
    ]
    cores = str(os.cpu_count())
    if hasattr(os, 'sched_getaffinity'):
        cores = f'{len(os.sched_getaffinity(0))} usable of {cores}'
    checks += [Check('CPU cores', cores), Check('memory', memory())]
    shared = Path('/dev/shm')
    if shared.is_dir():
        size = shutil.disk_usage(shared).total
        checks.append(
            Check('shared memory', gib(size))
            if size >= 2**30
            else Check(
                'shared memory',
                gib(size),
                'note',
                'data loader workers may die with a bus error: start the container '
                'with --shm-size=8g, or set num_workers=0',
            )
        )
    disk = shutil.disk_usage('.')
    found = f'{gib(disk.free)} free of {gib(disk.total)}'
    checks.append(
        Check('disk, current folder', found)
        if disk.free >= 5 * 2**30
        else Check(
            'disk, current folder',
            found,
            'note',
            'free some space; caches and checkpoints need 5 GiB and more',
        )
    )
    return checks


def gpu_check() -> Check:
    """Check the GPUs that torch can use."""
    torch = sys.modules.get('torch')
    if torch is None:
        return Check('GPU', 'torch does not import', 'not checked')
    built = f'torch is built for CUDA {torch.version.cuda or "none"}'
    other_build = (
        'install the build of torch for your driver and GPU from '
        'https://pytorch.org/get-started/locally'
    )
    if not torch.cuda.is_available():
        if shutil.which('nvidia-smi'):
            return Check('GPU', f'not usable ({built})', 'note', other_build)
        return Check('GPU', f'none ({built})')
    names = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        names.append(
            f'{facts.name} {gib(facts.total_memory)} sm_{facts.major}{facts.minor}'
        )
        try:
            torch.ones(1, device=f'cuda:{index}').add(1).item()
        except RuntimeError as error:
            return Check(
                'GPU',
                f'{names[-1]} cannot compute: {describe(error)}',
                'problem',
                other_build,
            )
    return Check('GPU', f'{"; ".join(names)} ({built})')
