"""Cost of training and exams on a machine, measured in parallel parts.

Each part is a separate process. It appends its rows to a file as it measures them, and
holds a lock while timing, so others can load and compile in the meantime.
"""

import fcntl
import json
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config

from mammo_plugins.engine.hooks import acceleration_hook
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)
from mammo_plugins.shipped import PREFIX, config_path

from . import data_benchmark, exam_benchmark
from .acceleration import best_precision, predict_in
from .config_loading import load_config
from .training_benchmark import Step, Way, difference, measure, prepared

GRAPHS = dict(mode='reduce-overhead')


class Place(NamedTuple):
    """Device, size and output of a measured part.

    Attributes:
        device (str): 'cuda' or 'cpu'.
        small (bool): Whether to use the phantom's networks and small images, to check
            that everything works.
        folder (Path): Folder for the lock and the rows.
        name (str): Name of the part.
    """

    device: str
    small: bool
    folder: Path
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int]: (H, W) of images."""
        return (64, 64) if self.small else (3000, 1500)

    @property
    def steps(self) -> int:
        """int: Number of steps to time."""
        return 1 if self.small else 10

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of all parts."""
        with open(self.folder / 'lock', 'w') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def tell(self, what: str, found: str) -> None:
        """Append a row."""
        with open(self.folder / f'{self.name}.jsonl', 'a') as file:
            file.write(json.dumps([what, found]) + '\n')


def _config(paper: str, phantom: str, place: Place) -> Config:
    return load_config(str(config_path(PREFIX + (phantom if place.small else paper))))


def _compiling(place: Place) -> tuple[dict, dict]:
    """Return settings that compile, without and with CUDA graphs."""
    if place.small:
        return dict(compile=dict(backend='eager')), dict(compile=dict(backend='eager'))
    return dict(compile=True), dict(compile=GRAPHS)


def _ways(place: Place, precisions: Sequence[str]) -> list[Way]:
    """Return variants by number format, and the last one compiled in two ways."""
    compiled, graphs = _compiling(place)
    last = precisions[-1]
    return [
        Way('fp32, plain', None, {}),
        *(Way(each, each, {}) for each in precisions),
        Way(f'{last}, compiled', last, compiled),
        Way(f'{last}, compiled, CUDA graphs', last, graphs),
    ]


def _measured(
    place: Place,
    what: str,
    way: Way,
    run: Callable[[Callable[[], AbstractContextManager]], Step],
    operations: float,
    plain: Step | None,
) -> Step | None:
    """Measure and report a variant; if it fails, once more with nothing in parallel.

    Returns:
        Step: Reference for the next ones: ``plain``, or else this one.
    """
    for alone in (place.alone, None):
        try:
            if alone is None:
                with place.alone():
                    step = run(nullcontext)
            else:
                step = run(alone)
            break
        except Exception as error:  # memory or compiler errors: the others continue
            said = f'failed: {_first_line(error)}'
            if place.device != 'cpu':
                torch.cuda.empty_cache()
    else:
        place.tell(f'{what}, {way.name}', said)
        return plain
    plain = plain or step
    place.tell(
        f'{what}, {way.name}',
        f'{step.seconds:.4f} s, {plain.seconds / step.seconds:.2f}x, '
        f'{step.memory / 2**30:.1f} GiB, {operations / step.seconds / 1e12:.3g} TFLOP/s, '
        f'loss {difference(step, plain):+.2%}, first {step.first:.0f} s',
    )
    if place.device != 'cpu':
        torch.cuda.empty_cache()
        torch.compiler.reset()
    return plain


def training(
    paper: str, phantom: str, what: str, stage: str | None, place: Place
) -> None:
    """Measure steps of one sample, by number format and compiled."""
    cfg = _config(paper, phantom, place)
    batches, operations = prepared(cfg, place.size, 1, place.steps, place.device, stage)
    plain = None
    with _compiled(place):
        for way in _ways(place, ['fp32', 'bf16']):
            run = partial(_step, cfg, way, batches, place.device, stage)
            plain = _measured(place, what, way, run, operations, plain)


def _step(
    cfg: Config,
    way: Way,
    batches: Sequence[dict],
    device: str,
    stage: str | None,
    alone: Callable[[], AbstractContextManager],
) -> Step:
    return measure(cfg, way, batches, device, stage, alone=alone)


def memory(place: Place) -> None:
    """Measure two pairs in float32 and four in bfloat16, recomputing activations."""
    cfg = _config(*_IPSI, place)
    kept = dict(activation_checkpointing=True)
    for number, way in (
        (2, Way('fp32, checkpointing', 'fp32', kept)),
        (4, Way('bf16', 'bf16', {})),
        (4, Way('bf16, checkpointing', 'bf16', kept)),
    ):
        batches, operations = prepared(cfg, place.size, number, 1, place.device)
        run = partial(_step, cfg, way, batches, place.device, None)
        _measured(place, f'IpsiDualNet, {number} pairs', way, run, operations, None)


def small_networks(place: Place) -> None:
    """Compare the phantom's baseline, 16 views per step, with mmdet's own heads."""
    phantom = 'baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
    cfg = _config(phantom, phantom, place)
    theirs = Config(cfg.to_dict(), filename=cfg.filename)
    theirs.model.rpn_head.type = 'RPNHead'
    theirs.model.roi_head.type = 'StandardRoIHead'
    theirs.model.roi_head.bbox_head.type = 'Shared2FCBBoxHead'
    size, views = (128, 64) if place.small else (256, 128), 4 if place.small else 16
    steps = 1 if place.small else 50
    batches, operations = prepared(cfg, size, views, steps, place.device)
    plain = None
    for way, settings in (
        (Way("mmdet's heads", None, {}), theirs),
        (Way('ours', None, {}), cfg),
        (Way('ours, fp32', 'fp32', {}), cfg),
        (Way('ours, bf16', 'bf16', {}), cfg),
    ):
        run = partial(_step, settings, way, batches, place.device, None)
        what = f'phantom baseline, {views} views'
        plain = _measured(place, what, way, run, operations, plain)


@contextmanager
def _compiled(place: Place, *parts: str) -> Iterator[None]:
    """Compile only these parts of models; by default the usual ones."""
    before = acceleration_hook.COMPILED
    # a compiler takes longer than everything else
    acceleration_hook.COMPILED = ('neck',) if place.small else parts or before
    try:
        yield
    finally:
        acceleration_hook.COMPILED = before


@contextmanager
def _not_announced(place: Place) -> Iterator[None]:
    announce = torch.compiler.cudagraph_mark_step_begin
    torch.compiler.cudagraph_mark_step_begin = lambda: None
    try:
        with _compiled(place):
            yield
    finally:
        torch.compiler.cudagraph_mark_step_begin = announce


def cuda_graphs(place: Place) -> None:
    """Find the CUDA graphs that give NaN losses, with the phantom's IpsiDualNet."""
    phantom = 'momminet/ipsidualnet-v2_phantom.py'
    cfg = _config(phantom, phantom, place)
    steps = 1 if place.small else 5
    batches, operations = prepared(cfg, (128, 64), 2, steps, place.device)
    compiled, graphs = _compiling(place)
    plain = None
    for name, settings, changed in (
        ('fp32', {}, nullcontext()),
        ('compiled', compiled, _compiled(place)),
        ('graphs, steps announced', graphs, _compiled(place)),
        ('graphs, steps not announced', graphs, _not_announced(place)),
        ('graphs, backbone only', graphs, _compiled(place, 'backbone')),
        ('graphs, neck only', graphs, _compiled(place, 'neck')),
    ):
        way = Way(name, 'fp32', settings)
        run = partial(_step, cfg, way, batches, place.device, None)
        with changed:
            plain = _measured(place, 'CUDA graphs', way, run, operations, plain)


def exams(place: Place) -> None:
    """Measure an exam: shared and naive work, registered features, half precision."""
    configs = [
        _config(*paths, place)
        for paths in (
            ('mamminet_v2.py', 'mamminet_v2_phantom.py'),
            _BASELINE,
        )
    ]
    half = 'bf16' if place.small else best_precision()
    for precision in dict.fromkeys(('fp32', half)):
        models = [exam_benchmark.build(cfg, place.device) for cfg in configs]
        for model in models:
            predict_in(model, precision)
        lines: list[str] = []
        with place.alone():
            exam_benchmark.compare(
                *models, place.size, 1 if place.small else 5, place.device, lines.append
            )
        for line in lines[1:5]:
            place.tell(f'exam, {precision}, {line[:24].strip()}', line[24:].strip())
        place.tell(
            f'exam, {precision}, shared against naive', lines[-1].rpartition(': ')[2]
        )


def data(place: Place) -> None:
    """Compare the single view's pipeline with a plain loop, with one thread."""
    cfg = _config(*_BASELINE, place)
    size = (128, 64) if place.small else (1664, 1280)
    with tempfile.TemporaryDirectory() as folder:
        write_phantom_dataset(
            folder,
            PhantomDatasetConfig(
                exams=1, split=(1.0, 0.0, 0.0), phantom=PhantomConfig(size=size)
            ),
        )
        cfg.train_dataloader.dataset.update(type='Phantom', data_root=f'{folder}/')
        lines: list[str] = []
        data_benchmark.compare(cfg, 2, 1, lines.append)
    kind = ''
    for line in lines[1:]:
        if line.startswith('  '):
            place.tell(f'data, {kind}, {line[:24].strip()}', line[24:].strip())
        else:
            kind = line.strip().partition(',')[0]


_BASELINE = (
    'baselines/faster-rcnn_hrnetv2p-w48_ddsm.py',
    'baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
)
_IPSI = 'momminet/ipsidualnet-v2_ddsm.py', 'momminet/ipsidualnet-v2_phantom.py'
_BI = 'momminet/bidualnet-v2_ddsm.py', 'momminet/bidualnet-v2_phantom.py'
_WHOLE = 'mamminet_v2.py', 'mamminet_v2_phantom.py'

PARTS: dict[str, Callable[[Place], None]] = dict(
    baseline=partial(training, *_BASELINE, 'baseline', None),
    ipsidualnet=partial(training, *_IPSI, 'IpsiDualNet', None),
    bidualnet=partial(training, *_BI, 'BiDualNet', None),
    fusion=partial(training, *_WHOLE, 'fusion', 'fusion'),
    memory=memory,
    small_networks=small_networks,
    cuda_graphs=cuda_graphs,
    exams=exams,
    data=data,
)


def measure_parts(names: Sequence[str], folder: str | Path, small: bool) -> None:
    """Measure parts one after the other; report those that fail.

    Args:
        names (Sequence[str]): Keys of :data:`PARTS`.
        folder (str | Path): Folder of all parts; rows are written to ``NAME.jsonl`` in
            it.
        small (bool): As in :class:`Place`.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    card = torch.cuda.get_device_name() if device == 'cuda' else 'CPU'
    for name in names:
        place = Place(device, small, Path(folder), name)
        place.tell(name, f'{card}, torch {torch.__version__}')
        try:
            PARTS[name](place)
        except Exception as error:  # the others continue
            traceback.print_exc()
            place.tell(name, f'failed: {_first_line(error)}')


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {(str(error) or "?").splitlines()[0][:100]}'
