"""Cost of a training step, by number format and with compiled kernels."""

import copy
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from mmdet.models import BaseDetector
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData, PixelData
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mammo_plugins.engine.hooks import AccelerationHook
from mammo_plugins.models.multi_view import StagedModel
from mammo_plugins.structures import ROLES
from mammo_plugins.structures.multi_view_data_sample import views_of
from mammo_plugins.testing import (
    demo_exam,
    demo_single_view_inputs,
    demo_tri_view_inputs,
)

from .acceleration import accelerate
from .config_loading import ConfigError
from .exam_benchmark import build, calibrate

WARM_UP = 3


class Way(NamedTuple):
    """A training variant.

    Attributes:
        name (str): Name in the table.
        precision (str, optional): As in :func:`accelerate`; ``None`` is MMEngine's
            plain float32 training.
        settings (dict): Settings of ``acceleration``.
    """

    name: str
    precision: str | None
    settings: dict


class Step(NamedTuple):
    """Measurements of one variant.

    Attributes:
        seconds (float): Median time of a step.
        first (float): Time of the first step, in which kernels are chosen and compiled.
        memory (int): Most bytes that PyTorch reserved on the GPU; 0 on a CPU.
        losses (list[float]): Losses of the steps.
    """

    seconds: float
    first: float
    memory: int
    losses: list[float]


def ways(precisions: Sequence[str], compile: bool) -> list[Way]:
    """Return MMEngine's plain float32 and the given precisions, also compiled."""
    made = [Way('fp32, plain', None, {})]
    made += [Way(each, each, {}) for each in precisions]
    if compile:
        made += [
            Way(f'{each}, compiled', each, dict(compile=True)) for each in precisions
        ]
    return made


def roles_of(model: nn.Module) -> tuple[str, ...]:
    """Return the views in a sample of a detector, empty for a single-view one."""
    if isinstance(model, StagedModel):
        return ROLES
    auxiliary = getattr(model, 'auxiliary', None)
    return ('main', auxiliary) if auxiliary else ()


def made_batch(
    roles: Sequence[str], size: Sequence[int], number: int, seed: int = 0
) -> dict:
    """Return a batch of noise with two masses on each image.

    Args:
        roles (Sequence[str]): Roles from :func:`roles_of`.
        size (Sequence[int]): (H, W) of the images.
        number (int): Number of samples.
        seed (int): Seed of pixels and masses. Defaults to 0.
    """
    samples = []
    while len(samples) < number:
        images = demo_exam(size, seed + len(samples))
        samples += (demo_tri_view_inputs if roles else demo_single_view_inputs)(images)
    generator = torch.Generator().manual_seed(seed)
    for sample in samples:
        if roles:
            sample['inputs'] = {role: sample['inputs'][role] for role in roles}
            for role in set(ROLES) - set(roles):
                sample['data_samples'].pop(role)
        for view in views_of(sample['data_samples']):
            _add_masses(view, generator)
    return pseudo_collate(samples[:number])


def _add_masses(view: DetDataSample, generator: torch.Generator) -> None:
    height, width = view.img_shape[:2]
    # 3 to 8% of the image's height, as masses are
    sides = height * (0.03 + 0.05 * torch.rand(2, 2, generator=generator))
    centres = torch.tensor([width, height]) * (
        0.2 + 0.6 * torch.rand(2, 2, generator=generator)
    )
    boxes = torch.cat([centres - sides / 2, centres + sides / 2], 1)
    view.gt_instances = InstanceData(
        bboxes=boxes, labels=torch.zeros(2, dtype=torch.long)
    )
    lesions = torch.zeros(1, height, width, dtype=torch.uint8)
    for left, top, right, bottom in boxes.long().clamp(min=0).tolist():
        lesions[:, top:bottom, left:right] = 1
    view.gt_sem_seg = PixelData(sem_seg=lesions)


def build_in_training(cfg: Config, device: str, stage: str | None = None) -> nn.Module:
    """Return a detector with random weights, ready to train.

    Raises:
        ConfigError: If the model is not a detector, or not trained in this stage.
    """
    torch.manual_seed(0)
    model = build(copy.deepcopy(cfg), device)
    if not isinstance(model, BaseDetector):
        raise ConfigError(
            f'{cfg.filename}: model.type is {type(model).__name__}; '
            'expected a detector, of one view or several'
        )
    if isinstance(model, StagedModel):
        if stage not in model.stages:
            raise ConfigError(
                f'{cfg.filename}: --stage {stage}; expected one of '
                f'{", ".join(model.stages)}'
            )
        model.start_stage(stage)
        for name, part in model.named_children():
            part.requires_grad_(name in model.stage_parts[stage])
    return model.train()


def count_operations(model: nn.Module, batch: dict) -> float:
    """Return the floating-point operations of a step, counting only products."""
    with FlopCounterMode(display=False) as counter:
        losses, _ = model.parse_losses(
            model(**model.data_preprocessor(copy.deepcopy(batch), True), mode='loss')
        )
        losses.backward()
    return float(counter.get_total_flops())


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)


def measure(
    cfg: Config,
    way: Way,
    batches: Sequence[dict],
    device: str,
    stage: str | None = None,
    lr_factor: float = 1e-3,
    alone: Callable[[], AbstractContextManager] = nullcontext,
) -> Step:
    """Train on batches in turn, like ``mammo train``, and time the steps.

    Args:
        cfg (Config): Config of the model and its optimizer.
        way (Way): Training variant.
        batches (Sequence[dict]): One batch per step; the first three are warm-up.
        device (str): Such as 'cuda'.
        stage (str, optional): Stage of a model that is trained in stages.
        lr_factor (float): Factor on the config's learning rate. Defaults to 0.001, as
            at the start of a warm-up: random weights with frozen statistics diverge at
            the full rate.
        alone (callable): Returns a context that is entered while the machine must do
            nothing else: from the start, or after the first step if that one compiles.
            Defaults to ``nullcontext``.
    """
    cfg = copy.deepcopy(cfg)
    if way.precision is not None:
        cfg.acceleration = way.settings
        accelerate(cfg, way.precision)
    model = build_in_training(cfg, device, stage)
    first = model.data_preprocessor(copy.deepcopy(batches[0]), True)
    calibrate(model, lambda: model(**first, mode='loss'))
    learns = SimpleNamespace(
        model=model, optim_wrapper=build_optim_wrapper(model, cfg.optim_wrapper)
    )
    for group in learns.optim_wrapper.optimizer.param_groups:
        group['lr'] *= lr_factor
    hook = way.precision and AccelerationHook(**way.settings)
    if hook:
        hook.before_train_epoch(learns)
    on_gpu = device.startswith('cuda')
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    seconds, losses = [], []
    with ExitStack() as stack:
        if hook:
            stack.callback(hook.after_train_epoch, learns)
        begins = int('compile' in way.settings)
        for number, batch in enumerate(batches):
            if number == begins:
                stack.enter_context(alone())
            batch = copy.deepcopy(batch)
            _wait(device)
            start = time.perf_counter()
            if hook:
                hook.before_train_iter(learns, number)
            values = model.train_step(batch, learns.optim_wrapper)
            _wait(device)
            seconds.append(time.perf_counter() - start)
            losses.append(values['loss'].item())
    memory = torch.cuda.max_memory_reserved(device) if on_gpu else 0
    return Step(float(np.median(seconds[WARM_UP:])), seconds[0], memory, losses)


def prepared(
    cfg: Config,
    size: Sequence[int],
    number: int,
    steps: int,
    device: str,
    stage: str | None = None,
) -> tuple[list[dict], float]:
    """Return batches for :func:`measure`, and the number of operations of a step.

    Args:
        cfg, size, number, steps, device, stage: As in :func:`compare`.
    """
    model = build_in_training(cfg, device, stage)
    roles = roles_of(model)
    batches = [
        made_batch(roles, size, number, seed) for seed in range(min(WARM_UP + steps, 4))
    ]
    batches = [batches[i % len(batches)] for i in range(WARM_UP + steps)]
    return batches, count_operations(model, batches[0])


def matrix_rate(device: str, size: int = 8192, repeats: int = 10) -> float:
    """Return the operations per second of bfloat16 matrix products."""
    one, other = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)
    for _ in range(3):
        one @ other
    _wait(device)
    start = time.perf_counter()
    for _ in range(repeats):
        one @ other
    _wait(device)
    return 2 * size**3 * repeats / (time.perf_counter() - start)


def compare(
    cfg: Config,
    size: Sequence[int],
    number: int,
    steps: int,
    device: str,
    made: Sequence[Way],
    stage: str | None = None,
    show: Callable[[str], None] = print,
) -> dict[str, Step | None]:
    """Measure several variants and print a table.

    A variant that fails, for example for lack of memory, is reported and the others
    continue.

    Args:
        cfg (Config): Config of a detector.
        size (Sequence[int]): (H, W) of the images.
        number (int): Samples per step.
        steps (int): Steps to measure, after :data:`WARM_UP`.
        device (str): Such as 'cuda'.
        made (Sequence[Way]): Variants from :func:`ways`; the others are compared with
            the first.
        stage (str, optional): Stage of a model that is trained in stages.
        show (callable): Called with each line. Defaults to ``print``.

    Returns:
        dict[str, Step]: Measurements by variant name, ``None`` for failed ones.
    """
    batches, operations = prepared(cfg, size, number, steps, device, stage)
    on_gpu = device.startswith('cuda')
    rate = matrix_rate(device) if on_gpu else None
    card = torch.cuda.get_device_name(device) if on_gpu else 'CPU'
    show(
        f'{cfg.filename}{f", stage {stage}" if stage else ""}: {number} samples of '
        f'{size[0]} x {size[1]}, {operations / 1e12:.3g} TFLOP a step; {card}, torch '
        f'{torch.__version__}'
        + (f', bf16 products at {rate / 1e12:.0f} TFLOP/s' if rate else '')
    )
    show(
        f'  {"":16s} {"s a step":>9s} {"faster":>7s} {"GiB":>6s} {"TFLOP/s":>8s} '
        f'{"of rate":>8s} {"first s":>8s} {"mean loss":>13s}'
    )
    results: dict[str, Step | None] = {}
    plain = None
    for way in made:
        try:
            step = measure(cfg, way, batches, device, stage)
        except (RuntimeError, AssertionError, TypeError) as error:  # also out of memory
            results[way.name] = None
            show(f'  {way.name:16s} failed: {str(error).splitlines()[0][:90]}')
        else:
            results[way.name] = step
            plain = plain or step
            speed = operations / step.seconds
            show(
                f'  {way.name:16s} {step.seconds:9.4f} '
                f'{plain.seconds / step.seconds:6.2f}x {step.memory / 2**30:6.1f} '
                f'{speed / 1e12:8.3g} '
                + (f'{speed / rate:8.1%} ' if rate else f'{"":8s} ')
                + f'{step.first:8.1f} {difference(step, plain):+13.2%}'
            )
        gc.collect()
        if on_gpu:
            torch.cuda.empty_cache()
            torch.compiler.reset()
    return results


def difference(step: Step, other: Step) -> float:
    """Return the relative difference of two variants' mean losses."""
    return float(np.mean(step.losses) / np.mean(other.losses) - 1)
