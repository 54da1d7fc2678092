"""Checkpoints whose bytes or contents were altered."""

import copy
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from staged_toys import StagedToy, settings, sgd, validation

from mammo_cli.errors import user_error_types
from mammo_plugins.apis.run_errors import explained
from mammo_plugins.apis.work_dir import begin_training
from mammo_plugins.engine.checkpoint import (
    load_checkpoint_into,
    refuse_unsafe_checkpoints,
)
from mammo_plugins.engine.work_dir import write_whole_checkpoints

from .harness import Fault, Fuzzer

_STAGES = dict(
    low=dict(max_epochs=2, trainable=['low'], save_best='toy/error'),
    all=dict(
        max_epochs=2,
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=1, convert_to_iter_based=True),
            dict(type='MultiStepLR', milestones=[1]),
        ],
    ),
)
_HOOKS = dict(
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='toy/error',
        rule='less',
    ),
    checkpoint_check=dict(type='mammo.CheckpointCheckHook'),
    finite=dict(type='mammo.FiniteHook'),
    pixel_size=dict(type='mammo.PixelSizeHook'),
)
_SCHEDULES = [
    dict(type='LinearLR', start_factor=0.1, end=2),
    dict(type='MultiStepLR', milestones=[1, 2]),
]

Path_ = tuple[Any, ...]


def _config(work_dir: Path, staged: bool, epochs: int) -> Config:
    hooks = copy.deepcopy(_HOOKS)
    if staged:
        hooks['checkpoint'].update(save_best=None, rule=None)
    cfg = settings(
        work_dir,
        _STAGES,
        default_hooks=hooks,
        param_scheduler=_SCHEDULES,
        custom_hooks=[dict(type='mammo.RandomStateHook', priority='VERY_LOW')],
        experiment_name=uuid.uuid4().hex,
        **validation(),
    )
    if staged:
        cfg['param_scheduler'] = None
    else:
        cfg['train_cfg'] = dict(by_epoch=True, max_epochs=epochs)
        cfg['optim_wrapper'] = sgd(0.01, clip_grad=dict(max_norm=1.0))
    return Config(cfg)


def _paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield where something lies in containers in containers."""
    if path:
        yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _paths(item, (*path, key))


def _set(root: dict, path: Path_, change: Callable[[Any, Any], None]) -> None:
    for key in path[:-1]:
        root = root[key]
    change(root, path[-1])


def _put(value: Any) -> Callable[[Any, Any], None]:
    return lambda owner, key: owner.__setitem__(key, value)


def _deep(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


class Checkpoints(Fuzzer):
    """Checkpoints of two small trainings, altered, loaded and gone on from."""

    name, in_suite, seconds = 'checkpoints', 45, 30.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        refuse_unsafe_checkpoints()
        write_whole_checkpoints()
        self.bait = folder / 'bait'
        self.sound = {}
        for staged in (False, True):
            work = folder / f'sound{staged}'
            cfg = _config(work, staged, 3)
            cfg.default_hooks.checkpoint.max_keep_ckpts = 9
            Runner.from_cfg(cfg).train()
            self.sound[staged] = work
        self.known = list(self._known())

    def _values(self) -> list[tuple[str, Any]]:
        bait = str(self.bait / 'best_x.pth')
        return [
            ('None', None),
            ('text', 'x'),
            ('-1', -1),
            ('2**70', 2**70),
            ('nan', np.nan),
            ('list', [1]),
            ('dict', {'a': 1}),
            ('keys', {3: 1}),
            ('bait', bait),
            ('bait folder', str(self.bait)),
            ('above', '../bait/best_x.pth'),
            ('address', 'http://host.invalid/best_x.pth'),
            ('deep', _deep(99)),
            ('tensor', torch.zeros(2, 7)),
            ('nan tensor', torch.full((4, 4), np.nan)),
            ('inf', float('inf')),
            ('1e30', 1e30),
            ('expanded', torch.zeros(1).expand(9**6)),
            ('sparse', torch.eye(4).to_sparse()),
            ('class', torch.device('cpu')),
            ('array', np.array(['a'], object)),
            ('10**400', 10**400),
            ('function', torch.Size([2])),
        ]

    def _known(self) -> Iterator[tuple[str, bool, Callable[[dict], Any]]]:
        """Yield (what, staged, alteration) of what was found to do harm."""
        code = f"import os\nos.system('touch {self.folder / 'ran'}')"

        def at(*path: Any, put: Any) -> Callable[[dict], Any]:
            return lambda c: _set(c, path, _put(put))

        def drop(*path: Any) -> Callable[[dict], Any]:
            return lambda c: _set(c, path, lambda owner, key: owner.pop(key, None))

        info = ('message_hub', 'runtime_info')
        yield 'code in meta.config', False, at('meta', 'config', put=code)
        yield 'code in meta.config', True, at('meta', 'config', put=code)
        for key in ('best_ckpt', 'last_ckpt', 'best_ckpt_x'):
            for path in (
                str(self.bait),
                str(self.bait / 'best_x.pth'),
                '../bait/best_x.pth',
            ):
                for staged in (False, True):
                    yield f'{key} {path}', staged, at(*info, key, put=path)
        for put in (['../../bait/best_x'], [1, 'a'], 'ab', [[1]], list(range(9))):
            yield 'keep_ckpt_ids', False, at(*info, 'keep_ckpt_ids', put=put)
        for staged in (False, True):
            for key in (
                'meta',
                'message_hub',
                'optimizer',
                'param_schedulers',
                'stage',
                'state_dict',
                'random_state',
            ):
                yield f'no {key}', staged, drop(key)
            yield (
                'nan',
                staged,
                at('state_dict', 'head.bias', put=torch.tensor([np.nan])),
            )
            yield 'a list of weights', staged, at('state_dict', put=[1, 2])
            yield 'keys 3', staged, at('state_dict', 3, put=torch.zeros(1))
            yield (
                'huge',
                staged,
                at('state_dict', 'head.bias', put=torch.tensor([3e38])),
            )
            yield (
                'versions',
                staged,
                lambda c: setattr(c['state_dict'], '_metadata', {'': {'version': 'x'}}),
            )
        yield 'seed', False, at('meta', 'seed', put=2**40)
        yield 'place', False, lambda c: c['random_state']['numpy'].__setitem__(2, 10**6)
        yield (
            'step of a scheduler',
            False,
            lambda c: c['param_schedulers'][0].update(step=None),
        )
        yield (
            'rate',
            False,
            lambda c: c['optimizer']['param_groups'][0].update(lr=float('nan')),
        )
        yield 'one scheduler', False, lambda c: c['param_schedulers'].pop()

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        staged = bool(rng.integers(2))
        if number < len(self.known):
            what, staged, change = self.known[number]
            return what, lambda: self._go_on(staged, change, rng)
        if rng.random() < 0.4:
            return 'bytes', lambda: self._go_on(staged, None, rng)
        values = self._values()
        what, value = values[rng.integers(len(values))]
        picks = rng.random(1 + rng.integers(2))

        def change(checkpoint: dict) -> None:
            for pick in picks:
                paths = list(_paths(checkpoint))
                # as often near the top as far below it
                depth = rng.integers(1, 1 + max(map(len, paths)))
                paths = [path for path in paths if len(path) == depth]
                path = paths[int(pick * len(paths))]
                kind = rng.integers(4)
                _set(
                    checkpoint,
                    path,
                    _put(value) if kind else lambda owner, key: owner.pop(key),
                )

        return f'{what} somewhere', lambda: self._go_on(staged, change, rng)

    def _alter_bytes(self, path: Path, rng: np.random.Generator) -> None:
        data = bytearray(path.read_bytes())
        if rng.random() < 0.3:
            path.write_bytes(data[: rng.integers(len(data))])
            return
        for place in rng.integers(0, len(data), 2 ** rng.integers(6)):
            data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data)

    def _go_on(self, staged: bool, change: Any, rng: np.random.Generator) -> str:
        work = self.folder / 'work' / uuid.uuid4().hex
        work.mkdir(parents=True)
        self.bait.mkdir(exist_ok=True)
        best = next(self.sound[staged].glob('best_*.pth'))
        for name in ('best_x.pth', 'epoch_1.pth', 'note.txt'):
            (self.bait / name).write_bytes(best.read_bytes())
        source = self.sound[staged] / f'epoch_{rng.integers(1, 4)}.pth'
        target = work / 'epoch_2.pth'
        if change is None:
            target.write_bytes(source.read_bytes())
            self._alter_bytes(target, rng)
        else:
            checkpoint = torch.load(source, weights_only=False)
            try:
                change(checkpoint)
                torch.save(checkpoint, target)
            except (KeyError, TypeError, IndexError, OverflowError, RecursionError):
                return 'not made'
        (work / best.name).write_bytes(best.read_bytes())
        before = self._outside()
        outcomes = [self._load(target), self._resume(staged, work, target)]
        if (self.folder / 'ran').exists():
            raise Fault('ran code')
        if self._outside() != before:
            raise Fault('wrote elsewhere', f'{before} {self._outside()}')
        return ' and '.join(outcomes)

    def _outside(self) -> list[tuple[str, int]]:
        return sorted(
            (str(path), os.stat(path).st_mtime_ns)
            for folder in (self.bait, *self.sound.values())
            for path in folder.rglob('*')
        )

    def _load(self, path: Path) -> str:
        model = StagedToy()
        try:
            load_checkpoint_into(model, str(path))
        except user_error_types():
            return 'refused'
        self._check(model)
        return 'loaded'

    def _resume(self, staged: bool, work: Path, path: Path) -> str:
        cfg = _config(work, staged, 4)
        try:
            begin_training(cfg, 'auto' if len(path.name) % 2 else str(path))
            runner = Runner.from_cfg(cfg)
            runner.train()
        except user_error_types():
            return 'refused'
        except Exception as error:
            if explained(error) is None:
                raise
            return 'refused'
        self._check(runner.model)
        for saved in work.glob('*.pth'):
            if saved != path:
                load_checkpoint_into(StagedToy(), str(saved))
        return 'gone on from'

    @staticmethod
    def _check(model: torch.nn.Module) -> None:
        for name, value in model.state_dict().items():
            if not torch.isfinite(value).all():
                raise Fault('not finite', name)
