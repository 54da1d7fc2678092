"""Run a model once at full size: does it build, and what does it need?"""
import resource
import time

import torch
from mmengine.dataset import pseudo_collate

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.cli.arguments import parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.registry import MODELS
from mammo_plugins.testing import (demo_exam, demo_single_view_inputs,
                                   demo_tri_view_inputs)

EXAMPLE = 'python tools/analysis_tools/full_size_forward.py configs/mamminet_v2.py'


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Build a detector with random weights and predict on one image of noise, '
        'with its partners if the detector takes three views.',
        EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument(
        '--size', type=int, nargs=2, default=(3000, 1500), metavar=('H', 'W'),
        help='image size in pixels (default: %(default)s)')
    arguments.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    return arguments.parse_args()


def main() -> None:
    """Build, predict, report."""
    args = parse_args()
    with user_errors():
        cfg = load_config(args.config)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model).to(args.device).eval()
    partners = cfg.test_dataloader.dataset.get('partners')
    inputs = demo_tri_view_inputs if partners else demo_single_view_inputs
    data = pseudo_collate(inputs(demo_exam(args.size))[:1])
    start = time.time()
    with torch.no_grad():
        result, = model.test_step(data)
    seconds = time.time() - start
    parameters = sum(p.numel() for p in model.parameters())
    if args.device.startswith('cuda'):
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f'{args.config}\n  parameters  {parameters / 1e6:.1f} M\n'
          f'  input       {args.size[0]} x {args.size[1]}\n'
          f'  boxes       {len(result.pred_instances)}\n'
          f'  time        {seconds:.1f} s on {args.device}\n'
          f'  peak memory {memory / 2**30:.1f} GiB')


if __name__ == '__main__':
    main()
