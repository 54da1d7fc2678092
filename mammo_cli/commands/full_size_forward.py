"""Run a model once at full size, and report its memory."""

import argparse
import resource
import time

from mammo_cli.arguments import add_device
from mammo_cli.command import Command
from mammo_cli.errors import user_errors

from .benchmark import add_size


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument('config', help='config file')
    add_size(arguments)
    add_device(arguments)


def run(args: argparse.Namespace) -> None:
    """Build the model, predict, and report."""
    import torch
    from mmengine.dataset import pseudo_collate

    from mammo_plugins.apis.config_loading import load_config
    from mammo_plugins.registry import MODELS
    from mammo_plugins.testing import (
        demo_exam,
        demo_single_view_inputs,
        demo_tri_view_inputs,
    )

    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    with user_errors():
        cfg = load_config(args.config)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model).to(device).eval()
    partners = cfg.test_dataloader.dataset.get('partners')
    inputs = demo_tri_view_inputs if partners else demo_single_view_inputs
    data = pseudo_collate(inputs(demo_exam(args.size))[:1])
    start = time.time()
    with torch.no_grad():
        (result,) = model.test_step(data)
    seconds = time.time() - start
    parameters = sum(p.numel() for p in model.parameters())
    if device.startswith('cuda'):
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f'{args.config}\n  parameters  {parameters / 1e6:.1f} M\n'
        f'  input       {args.size[0]} x {args.size[1]}\n'
        f'  boxes       {len(result.pred_instances)}\n'
        f'  time        {seconds:.1f} s on {device}\n'
        f'  peak memory {memory / 2**30:.1f} GiB'
    )


COMMAND = Command(
    'tools/analysis_tools/full_size_forward.py',
    'Build a detector with random weights and predict on one noise image, with '
    'its partners if the detector uses three views.',
    '{command} configs/mamminet_v2.py',
    add_arguments,
    run,
)
