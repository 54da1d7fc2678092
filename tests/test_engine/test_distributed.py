"""Begin and end of runs of several processes."""
import torch.distributed as dist

from mammo_plugins.engine.distributed import close_process_group


def test_a_group_is_left_and_no_group_is_no_error(tmp_path):
    close_process_group()
    dist.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    close_process_group()
    assert not dist.is_initialized()
