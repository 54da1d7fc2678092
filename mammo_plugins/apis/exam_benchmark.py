"""What reading an exam with three views at a time costs, beside one at a time."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn
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


@contextmanager
def counted(model: nn.Module):
    """Count how often images pass the stages of a MommiNet's backbones."""
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
    """Predict an exam, as one batch or sample by sample."""
    with torch.no_grad():
        if together:
            return model.test_step(pseudo_collate(samples))
        return [model.test_step(pseudo_collate([sample]))[0] for sample in samples]


def largest_difference(one: list, other: list) -> float:
    """Return the largest difference of boxes and scores of two results."""
    largest = 0.0
    for a, b in zip(one, other):
        a, b = a.pred_instances, b.pred_instances
        if len(a) != len(b):
            return float('inf')
        for key in ('bboxes', 'scores'):
            if len(a):
                largest = max(largest, float((a[key] - b[key]).abs().max()))
    return largest


def compare(
    model: nn.Module,
    baseline: nn.Module,
    size: Sequence[int],
    repeats: int,
    device: str,
) -> None:
    """Measure and print.

    Args:
        model (nn.Module): A MommiNet of :func:`build`.
        baseline (nn.Module): The single-view detector.
        size (Sequence[int]): (H, W) of the images.
        repeats (int): Turns.
        device (str): Where the models are.
    """
    model.malignancy = None
    images = demo_exam(size)
    three, one = demo_tri_view_inputs(images), demo_single_view_inputs(images)
    ways = {
        'baseline, four passes': lambda: run(baseline, one, False),
        'tri-view, shared': lambda: run(model, three, True),
        'tri-view, naive': lambda: run(model, three, False),
    }
    seconds = {name: [] for name in ways}
    results, passes = {}, {}
    warm_up = int(device != 'cpu')  # kernels are chosen in a GPU's first turn
    for turn in trange(repeats + warm_up, desc='turns', unit='turn'):
        for name, way in ways.items():
            with counted(model) as passes[name]:
                if device != 'cpu':
                    torch.cuda.synchronize(device)
                start = time.perf_counter()
                results[name] = way()
                if device != 'cpu':
                    torch.cuda.synchronize(device)
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    report(seconds, passes, results)


def report(seconds: dict, passes: dict, results: dict) -> None:
    """Print ratios, passes and whether sharing changes results."""
    base = np.median(seconds['baseline, four passes'])
    print('median seconds an exam, and ratio to the baseline:')
    for name, values in seconds.items():
        print(
            f'  {name:22s} {np.median(values):8.3f} s  {np.median(values) / base:5.2f}x'
        )
    for name in ('tri-view, shared', 'tri-view, naive'):
        print(f'images through the backbones, {name}:')
        for part, count in passes[name].items():
            print(f'  {part:22s} {count}')
    difference = largest_difference(
        results['tri-view, shared'], results['tri-view, naive']
    )
    print(
        f'largest difference of boxes (pixels) and scores between shared and '
        f'naive: {difference:.1e}'
    )
