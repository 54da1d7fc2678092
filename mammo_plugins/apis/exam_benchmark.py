"""Cost of reading an exam with three views at a time, compared with one."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode
from tqdm import trange

from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import PARTNERS
from mammo_plugins.testing import (
    demo_exam,
    demo_single_view_inputs,
    demo_tri_view_inputs,
)


def build(cfg, device: str) -> nn.Module:
    """Return a model with random weights, ready to predict."""
    drop_pretrained_files(cfg.model)
    with MODELS.switch_scope_and_registry(cfg.get('default_scope', 'mammo')):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model.to(device).eval()


def calibrate(model: nn.Module, run: Callable[[], Any]) -> None:
    """Set running statistics to those of one forward pass.

    Random weights overflow with the frozen statistics of a new network.

    Args:
        model (nn.Module): Changed in place.
        run (callable): Runs the model.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    before = [(norm.training, norm.momentum) for norm in norms]
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    with torch.no_grad():
        run()
    for norm, (training, momentum) in zip(norms, before):
        norm.training, norm.momentum = training, momentum


@contextmanager
def counted(model: nn.Module):
    """Count how often images pass through the stages of a MommiNet's backbones."""
    passes: Counter = Counter()

    def count(name):
        def hook(module, inputs, output):
            first = inputs[0]
            while not torch.is_tensor(first):
                first = first[0]
            passes[name] += len(first)

        return hook

    parts = {
        f'{branch}, {stage}': getattr(getattr(model, branch).backbone, layer)
        for branch in PARTNERS
        for stage, layer in (('stem', 'conv1'), ('stage 4', 'stage4'))
        if hasattr(getattr(model, branch).backbone, layer)
    }
    handles = [part.register_forward_hook(count(name)) for name, part in parts.items()]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def run(model: nn.Module, samples: list, together: bool) -> list:
    """Predict an exam as one batch or sample by sample."""
    with torch.no_grad():
        if together:
            return model.test_step(pseudo_collate(samples))
        return [model.test_step(pseudo_collate([sample]))[0] for sample in samples]


def largest_difference(one: list, other: list) -> float:
    """Return the largest difference in boxes and scores between two results."""
    largest = 0.0
    for a, b in zip(one, other):
        a, b = a.pred_instances, b.pred_instances
        if len(a) != len(b):
            return float('inf')
        for key in ('bboxes', 'scores'):
            if len(a):
                largest = max(largest, float((a[key] - b[key]).abs().max()))
    return largest


BASELINE, SHARED, NAIVE, FEATURES = (
    'baseline, four passes',
    'tri-view, shared',
    'tri-view, naive',
    'registered features',
)


def compare(
    model: nn.Module,
    baseline: nn.Module,
    size: Sequence[int],
    repeats: int,
    device: str,
    show: Callable[[str], None] = print,
) -> dict[str, float]:
    """Measure and print.

    Args:
        model (nn.Module): A MommiNet of :func:`build`.
        baseline (nn.Module): The single-view detector.
        size (Sequence[int]): (H, W) of the images.
        repeats (int): Number of repetitions, after one in which operations are counted.
        device (str): Device of the models.
        show (callable): Called with each line. Defaults to ``print``.

    Returns:
        dict[str, float]: Median seconds per exam, by variant.
    """
    model.malignancy = None
    images = demo_exam(size)
    one, three, features = (
        demo_single_view_inputs(images),
        demo_tri_view_inputs(images),
        demo_tri_view_inputs(images, register_features=True),
    )

    calibrate(baseline, lambda: run(baseline, one[:1], True))
    calibrate(model, lambda: run(model, three[:1], True))

    def by_features() -> list:
        model.bilateral.register_features = True
        try:
            return run(model, features, True)
        finally:
            model.bilateral.register_features = False

    ways = {
        BASELINE: lambda: run(baseline, one, False),
        SHARED: lambda: run(model, three, True),
        NAIVE: lambda: run(model, three, False),
    }
    if hasattr(model.bilateral.backbone, 'encode'):
        ways[FEATURES] = by_features
    seconds = {name: [] for name in ways}
    results, passes, operations = {}, {}, {}
    for name, way in ways.items():  # a GPU chooses kernels in the first repetition
        with counted(model) as passes[name], FlopCounterMode(display=False) as flops:
            results[name] = way()
        operations[name] = flops.get_total_flops()
    for _ in trange(repeats, desc='turns', unit='turn', disable=None):
        for name, way in ways.items():
            if device != 'cpu':
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            results[name] = way()
            if device != 'cpu':
                torch.cuda.synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    report(medians, operations, passes, results, show)
    return medians


def report(
    seconds: dict[str, float],
    operations: dict[str, int],
    passes: dict[str, Counter],
    results: dict[str, list],
    show: Callable[[str], None],
) -> None:
    """Report ratios, numbers of passes, and whether sharing changes results."""
    show('median seconds an exam, operations, and their ratios to the baseline:')
    for name, value in seconds.items():
        show(
            f'  {name:22s} {value:8.3f} s {operations[name] / 1e12:8.3g} TFLOP  '
            f'{value / seconds[BASELINE]:5.2f}x '
            f'{operations[name] / operations[BASELINE]:5.2f}x'
        )
    for name in list(seconds)[1:]:
        show(f'images through the backbones, {name}:')
        for part, count in passes[name].items():
            show(f'  {part:22s} {count}')
    difference = largest_difference(results[SHARED], results[NAIVE])
    show(
        f'largest difference of boxes (pixels) and scores between shared and '
        f'naive: {difference:.1e}'
    )
