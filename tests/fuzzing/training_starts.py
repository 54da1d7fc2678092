"""Settings that a user gets wrong: refused in one line, or trained with."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)

from .harness import ROOT, Fault, Fuzzer, run_command

CONFIGS = [
    'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
    'configs/nafv/nafv-net_phantom.py',
    'configs/divf/divf-concatenate_r18_phantom.py',
    'configs/mamminet_v2_phantom.py',
    'configs/blending/mask-rcnn_r18_phantom.py',
    'configs/disasym/disasymnet_phantom.py',
]
GENERAL = 'the traceback is in'  # of the line for what nobody has foreseen
# of the first config; the kinds that users meet most come first
KNOWN = [
    'train_cfg.max_epochs=0',
    'train_cfg.max_epochs=-1',
    'train_cfg.max_epochs=1.5',
    "train_cfg.max_epochs='3'",
    'train_cfg.max_epochs=None',
    'train_cfg.max_epochs=True',
    'train_cfg.val_interval=0',
    'train_cfg.val_interval=-2',
    "train_cfg.val_begin='x'",
    'train_cfg.max_iters=5',
    'train_cfg=3',
    'train_cfg=None',
    'train_cfg.by_epoch=False',
    'train_cfg.max_epoch=3',
    'max_epochs=3',
    'traincfg.max_epochs=3',
    'train_dataloader.batch_size=2.5',
    "train_dataloader.batch_size='4'",
    'train_dataloader.batch_size=None',
    'train_dataloader.num_workers=-1',
    "train_dataloader.num_workers='2'",
    'train_dataloader.num_workers=1.5',
    'train_dataloader.dataset.pipeline=None',
    'train_dataloader.dataset.pipeline=3',
    'train_dataloader.dataset.pipeline.99.type=Resize',
    'train_dataloader.dataset.pipeline.image.type=LoadNothing',
    'train_dataloader.dataset.pipeline.order=image',
    'train_dataloader.dataset.pipeline.image=None',
    'train_dataloader.dataset.pipeline.x=3',
    'train_dataloader.dataset.ann_file=3',
    'train_dataloader.dataset.ann_file=None',
    'train_dataloader.dataset=None',
    'train_dataloader.sampler=None',
    'train_dataloader.sampler.shuffle=maybe',
    'optim_wrapper.optimizer.lr=fast',
    'optim_wrapper.optimizer.lr=-1',
    'optim_wrapper.optimizer.lr=None',
    'optim_wrapper.optimizer=SGD',
    'optim_wrapper.optimizer.type=SDG',
    'optim_wrapper.optimizer.momentun=0.9',
    'optim_wrapper=None',
    'optim_wrapper.type=3',
    'optim_wrapper.accumulative_counts=0',
    'param_scheduler=3',
    'param_scheduler.0.begin=x',
    'param_scheduler.5.end=3',
    'param_scheduler.1.milestones=3',
    'param_scheduler.1.gamma=x',
    'param_scheduler=[3]',
    'model=None',
    'model=FasterRCNN',
    'model.type=None',
    'model.backbone=None',
    'model.backbone.type=HRNett',
    'model.neck.out_channels=x',
    'model.roi_head.bbox_head.num_classes=0',
    'model.rpn_head.anchor_generator.ratios=3',
    'model.data_preprocessor.mean=a',
    'model.train_cfg.rpn=3',
    'default_hooks.logger.interval=0',
    'default_hooks.checkpoint.interval=0',
    'default_hooks.checkpoint.max_keep_ckpts=x',
    'default_hooks=None',
    'default_hooks.logger=None',
    'default_hooks.checkpoint.save_best=3',
    'custom_hooks=3',
    "custom_hooks=['x']",
    'log_level=LOUD',
    'log_level=3.5',
    'log_processor.window_size=0',
    'log_processor=3',
    'randomness.seed=x',
    'randomness.seed=-1',
    'randomness=3',
    'env_cfg=3',
    'env_cfg.mp_cfg=3',
    'env_cfg.mp_cfg.mp_start_method=spoon',
    'visualizer=3',
    'visualizer.type=None',
    'default_scope=nowhere',
    'default_scope=3',
    'work_dir=3',
    'work_dir=',
    'resume=3',
    'load_from=3',
    'load_from=README.md',
    'val_evaluator=3',
    'val_evaluator.type=Froc',
    'val_dataloader=3',
    'val_cfg=3',
    'custom_imports.imports=nothing',
    'launcher=3',
    '=3',
    '.=3',
    'train_cfg.=3',
    'train_cfg..max_epochs=3',
    'train_cfg. =3',
    'train_cfg.max_epochs.x=3',
    'model.backbone.depth.x=3',
    'randomness.seed.a.b=3',
    'train_cfg.max_epochs=',
    'train_cfg.max_epochs=[',
    "train_cfg.max_epochs={'a':",
    'custom_imports=None',
    'cfg=3',
    'type=3',
    'filename=3',
    '_base_=x.py',
    '__class__=3',
    '_cfg_dict=3',
    'train_cfg.__class__=3',
    'experiment_name=3',
    'experiment_name=a/b',
    'auto_scale_lr.enable=True',
    'compile=3',
    'sync_bn=yes',
]
VALUES = [
    'x',
    '3',
    '-1',
    '0',
    '1.5',
    'None',
    '[]',
    '[1,2]',
    'True',
    "'3'",
    '1e30',
    'nan',
    '-0.5',
    '(1,)',
    '10000000000000000000000000000',
    '',
    "['a','b']",
    '[[1]]',
]


def _settings(part: Any, where: str = '') -> Iterator[tuple[str, Any]]:
    items = (
        part.items()
        if isinstance(part, dict)
        else enumerate(part)
        if isinstance(part, (list, tuple))
        else ()
    )
    for key, item in items:
        place = f'{where}.{key}' if where else str(key)
        yield place, item
        yield from _settings(item, place)


class Begun(BaseException):
    """The first step of a training is done; no error of it."""


def _first_step(self: Any, *args: Any, **kwargs: Any) -> None:
    type(self)._whole_step(self, *args, **kwargs)
    raise Begun


class TrainingStarts(Fuzzer):
    """One setting of a config altered by ``--cfg-options``."""

    name = 'training starts, settings altered'
    seconds = 60.0
    in_suite = 3

    def __init__(self, folder: Any) -> None:
        super().__init__(folder)
        phantom = PhantomConfig(
            size=(128, 64), prevalence=1.0, lesion_diameter_mm=(15.0, 25.0)
        )
        self.root = folder / 'phantom'
        write_phantom_dataset(
            self.root,
            PhantomDatasetConfig(
                exams=4, seed=3, split=(0.5, 0.25, 0.25), phantom=phantom
            ),
        )
        (self.root / 'annotations/fold_1').symlink_to('..')
        self._settings = {}

    def _of(self, config: str) -> list[tuple[str, Any]]:
        if config not in self._settings:
            cfg = Config.fromfile(str(ROOT / config), import_custom_modules=False)
            self._settings[config] = [
                (place, value)
                for place, value in _settings(cfg._cfg_dict.to_dict())
                if not place.startswith(('test_', 'work_dir'))
            ]
        return self._settings[config]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        if number < len(KNOWN):
            config, option = CONFIGS[0], KNOWN[number]
        else:
            config = CONFIGS[
                rng.choice(len(CONFIGS), p=[0.6, 0.08, 0.08, 0.08, 0.08, 0.08])
            ]
            option = self._altered(rng, config)
        return f'{config} {option}', lambda: self._start(config, option)

    def _altered(self, rng: np.random.Generator, config: str) -> str:
        settings = self._of(config)
        # settings of some parts are hundreds: parts first
        part = rng.choice(sorted({place.split('.')[0] for place, _ in settings}))
        place, value = [s for s in settings if s[0].split('.')[0] == part][
            rng.integers(sum(s[0].split('.')[0] == part for s in settings))
        ]
        keys = place.split('.')
        kind = rng.integers(8)
        if kind < 4:
            return f'{place}={rng.choice(VALUES)}'
        if kind < 6:  # a slip in a name
            at = rng.integers(len(keys))
            name = keys[at]
            spot = rng.integers(len(name))
            keys[at] = [
                name[:spot] + name[spot + 1 :],
                name[:spot] + name[spot] + name[spot:],
                name[:spot] + 'q' + name[spot + 1 :],
                name.upper(),
            ][rng.integers(4)]
            return f'{".".join(keys)}={value if isinstance(value, (int, str)) else 3}'
        if kind == 6:  # below what holds nothing
            return f'{place}.{rng.choice(["x", "0", "type"])}={rng.choice(VALUES)}'
        keys[-1] = str(rng.choice(['99', '-1', 'x', '']))
        return f'{".".join(keys)}={rng.choice(VALUES)}'

    def _start(self, config: str, option: str) -> str:
        # wrapped data sets have roots of their own
        roots = [
            place
            for place, _ in self._of(config)
            if '_dataloader.dataset.' in place and place.endswith('.data_root')
        ]
        options = [f'{root}={self.root}' for root in roots] + sorted(
            f'{root.split(".")[0]}.num_workers=0' for root in roots
        )
        words = [
            config,
            '--work-dir',
            tempfile.mkdtemp(dir=self.folder),
            '--cfg-options',
            *options,
            option,
        ]
        try:
            with (
                mock.patch('mmengine.runner.runner.collect_env', dict),
                mock.patch.object(Config, 'pretty_text', property(lambda _: '')),
                _stopped_after_a_step(),
            ):
                code, said = run_command('tools/train.py', *words)
        except Begun:
            return 'trained'
        lines = said.strip().splitlines()
        if code == 0:
            return 'ended'
        if code != 2 or not any('error: ' in line for line in lines[-3:]):
            raise Fault('no error line', f'status {code}: {said[-800:]}')
        return 'refused in general' if GENERAL in said else 'refused'


@contextmanager
def _stopped_after_a_step() -> Iterator[None]:
    with ExitStack() as stack:
        for loop in (EpochBasedTrainLoop, IterBasedTrainLoop):
            stack.enter_context(
                mock.patch.object(loop, '_whole_step', loop.run_iter, create=True)
            )
            stack.enter_context(mock.patch.object(loop, 'run_iter', _first_step))
        yield
