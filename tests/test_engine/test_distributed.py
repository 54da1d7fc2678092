"""Begin and end of runs of several processes."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel

from mammo_plugins.engine.distributed import close_process_group

TASKS = Path('/proc/self/task')


def threads():
    """Return the names of this process's threads, in order."""
    return sorted(path.read_text().strip() for path in TASKS.glob('*/comm'))


def begin(tmp_path):
    dist.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1
    )


def test_a_group_is_left_and_no_group_is_no_error(tmp_path):
    close_process_group()
    begin(tmp_path)
    close_process_group()
    assert not dist.is_initialized()


@pytest.mark.skipif(not TASKS.exists(), reason='threads are listed in /proc (Linux)')
def test_no_thread_outlives_the_group_of_a_wrapped_model(tmp_path):
    """One that works while the interpreter ends aborts the process."""
    before = threads()
    begin(tmp_path)
    runner = dict(
        model=MMDistributedDataParallel(torch.nn.Linear(2, 2), device_ids=None)
    )
    # loops and hooks of MMEngine's runner know it
    runner['loop'] = dict(runner=runner)
    del runner
    during = threads()
    close_process_group()
    assert len(during) > len(before)
    assert threads() == before
