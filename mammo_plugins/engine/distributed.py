"""Start and end of runs with several processes."""

import gc

import torch
from mmengine.config import Config


def setup_cpu_distributed(cfg: Config) -> None:
    """Let several CPU processes train together if there is no GPU.

    MMEngine's launcher selects a CUDA device, and its default wrapper names one.
    Without CUDA, the process group is created here with gloo, and the wrapper names no
    device.

    Args:
        cfg (Config): The run's config, changed in place.
    """
    if cfg.get('launcher', 'none') != 'pytorch' or torch.cuda.is_available():
        return
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )


def close_process_group() -> None:
    """Leave the process group of a successful run, if there is one.

    A gloo thread that still runs when the interpreter ends aborts a process
    that has finished its work. Threads end with the last reference to their group, so
    the caller must drop its runner and model first.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        # the wrapped model refers to the group and is in reference cycles of its runner
        gc.collect()
