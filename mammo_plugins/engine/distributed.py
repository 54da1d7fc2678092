"""Begin and end of runs of several processes."""

import gc

import torch
from mmengine.config import Config


def setup_cpu_distributed(cfg: Config) -> None:
    """Let several CPU processes train together, if there is no GPU.

    MMEngine's launcher selects a CUDA device and its default wrapper names one;
    without CUDA the group is made here, on gloo, and the wrapper names none.

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
    """Leave the process group of a run that went well, if there is one.

    A thread of gloo that still runs when the interpreter ends aborts a process
    whose work is done. Threads end with the last reference to their group; the
    caller drops its runner and model before.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        # the wrapped model, which holds the group, is in reference cycles of its runner
        gc.collect()
