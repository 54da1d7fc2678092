"""Training stages: read from a config, checked, and applied to a model."""

import copy
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mmengine.config import Config
from torch import nn

from mammo_plugins.registry import type_name

LOOP = 'StagedTrainLoop'
DEFAULTS = (
    'train_dataloader',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'val_evaluator',
)
MERGED = ('train_dataloader', 'optim_wrapper', 'auto_scale_lr')
DETECTIONS_KEYS = ('dataloader', 'out_file')


class StageError(ValueError):
    """A stage cannot be trained; the message names it and what to do."""


@dataclass(frozen=True)
class Stage:
    """A part of the training with its own data, trainable part and schedule.

    Attributes:
        name (str): Key in ``stages``.
        number (int): Position in ``order``, from 1.
        max_epochs (int): Length; 0 skips the stage.
        train_dataloader (dict): Its data.
        optim_wrapper (dict): Its optimizer.
        param_scheduler (list | dict, optional): Its schedule, counted from the
            stage's beginning.
        trainable (Sequence[str], optional): Dotted names of modules or parameters
            to train, each with all below it; ``None`` for all.
        auto_scale_lr (dict, optional): Batch size that its learning rate is meant for.
        val_begin (int): First epoch of the stage after which to validate.
        val_interval (int, optional): In epochs of the stage; ``None`` for only at its
            end.
        val_evaluator (dict | list, optional): Metrics of its validation, in place of
            the top-level ones; without a ``type``, differences from these.
        save_best (str, optional): Metric to maximize. Its best weights are kept, and
            later stages start from them.
        detections (dict, optional): ``dataloader`` and ``out_file`` of the
            predictions that the stage's data need.
    """

    name: str
    number: int
    max_epochs: int
    train_dataloader: dict
    optim_wrapper: dict
    param_scheduler: Any = None
    trainable: Sequence[str] | None = None
    auto_scale_lr: dict | None = None
    val_begin: int = 1
    val_interval: int | None = None
    val_evaluator: Any = None
    save_best: str | None = None
    detections: dict | None = None

    def __post_init__(self) -> None:
        self._check_integer('max_epochs', 0)
        self._check_integer('val_begin', 1)
        if self.val_interval is not None:
            self._check_integer('val_interval', 1)
        if self.trainable is not None and (
            isinstance(self.trainable, str) or not self.trainable
        ):
            raise StageError(
                f'{self.place}.trainable: {self.trainable!r}; expected a '
                'list of names of modules or parameters, or None for all'
            )
        self._check_complete('train_dataloader', 'dataset')
        self._check_complete('optim_wrapper', 'optimizer')
        if self.detections is not None:
            _check_keys(self.detections, DETECTIONS_KEYS, f'{self.place}.detections')
            missing = [k for k in DETECTIONS_KEYS if k not in self.detections]
            if missing:
                raise StageError(f'{self.place}.detections.{missing[0]}: missing')

    @property
    def place(self) -> str:
        """str: Its field in a config."""
        return f'train_cfg.stages.{self.name}'

    def _check_complete(self, key: str, part: str) -> None:
        value = getattr(self, key)
        if not isinstance(value, Mapping):
            raise StageError(
                f'{self.place}.{key}: {type(value).__name__}; expected a config dict'
            )
        inner = value.get(part)
        given = inner is not None or 'constructor' in value
        if not given or isinstance(inner, Mapping) and 'type' not in inner:
            raise StageError(
                f'{self.place}.{key}: no {part} with a type, neither here '
                f'nor in the top-level {key}'
            )

    def _check_integer(self, key: str, least: int) -> None:
        value = getattr(self, key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise StageError(
                f'{self.place}.{key}: {value!r}; expected an integer from {least}'
            )


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=3)
    return f'; did you mean {" or ".join(near)}?' if near else ''


def no_such_stage(name: str, order: Iterable[str]) -> str:
    """Return the error message for the name of a stage that does not exist.

    Args:
        name (str): The name.
        order (Iterable[str]): Existing stages, in the order of training.
    """
    order = list(order)
    return f'no such stage; there are {", ".join(order)}{_hint(name, order)}'


def _check_keys(given: Iterable[str], known: Sequence[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise StageError(
                f'{where}.{key}: no such setting'
                + (_hint(key, known) or f'; there are {", ".join(known)}')
            )


def _check_order(stages: Mapping[str, dict], order: Sequence[str]) -> None:
    if (
        isinstance(order, str)
        or not isinstance(order, Sequence)
        or not all(isinstance(name, str) for name in order)
    ):
        raise StageError(
            f'train_cfg.order: {order!r}; expected the names of all '
            f'stages in the order of training, of {list(stages)}'
        )
    for name in order:
        if name not in stages:
            raise StageError(
                f'train_cfg.order: {name!r} is not in train_cfg.stages; '
                f'there are {", ".join(stages)}{_hint(name, stages)}'
            )
        if list(order).count(name) > 1:
            raise StageError(
                f'train_cfg.order: {name!r} appears {order.count(name)} times; '
                'expected each stage once'
            )
    for name in stages:
        if name not in order:
            raise StageError(
                f'train_cfg.stages.{name}: {no_such_stage(name, order)} (to add a '
                'stage, name it in train_cfg.order too; to skip one, set its '
                'max_epochs to 0)'
            )


def _merged(default: Any, own: Any) -> Any:
    """Merge a setting over its default, as configs inherit."""
    if not (isinstance(own, Mapping) and isinstance(default, Mapping)):
        return _without_delete(copy.deepcopy(own))
    cfg = Config(dict(setting=copy.deepcopy(dict(default))))
    cfg.merge_from_dict(dict(setting=copy.deepcopy(own)))
    return _without_delete(cfg.setting)


def _without_delete(value: Any) -> Any:
    """Drop ``_delete_``, which remains if there was nothing to inherit."""
    if isinstance(value, Mapping):
        value.pop('_delete_', None)
    if isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            _without_delete(item)
    return value


def _complete(own: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's settings, completed by the run's top-level settings."""
    complete = {
        **copy.deepcopy(dict(defaults)),
        'val_evaluator': None,
        **copy.deepcopy(dict(own)),
    }
    for key in MERGED:
        if key in own:
            complete[key] = _merged(defaults.get(key), own[key])
    evaluator = own.get('val_evaluator')
    if isinstance(evaluator, Mapping) and 'type' not in evaluator:
        complete['val_evaluator'] = _merged(defaults.get('val_evaluator'), evaluator)
    detections = complete.get('detections') or {}
    if 'dataloader' in detections:
        detections['dataloader'] = _merged(
            defaults['train_dataloader'], detections['dataloader']
        )
    for loader in (complete['train_dataloader'], detections.get('dataloader')):
        if (loader or {}).get('num_workers') == 0:
            loader['persistent_workers'] = False  # there are no workers to keep
    return complete


def parse_stages(
    stages: Mapping[str, dict], order: Sequence[str], defaults: Mapping[str, Any]
) -> list[Stage]:
    """Read the stages of a config.

    Args:
        stages (Mapping[str, dict]): Stages by name.
        order (Sequence[str]): All names, in the order of training.
        defaults (Mapping[str, Any]): The run's ``train_dataloader``,
            ``optim_wrapper``, ``param_scheduler``, ``auto_scale_lr`` and
            ``val_evaluator``.

    Returns:
        list[Stage]: All stages, including skipped ones.

    Raises:
        StageError: If there is nothing to train, or a setting is unknown or wrong.
    """
    keys = [f.name for f in fields(Stage) if f.name not in ('name', 'number')]
    _check_order(stages, order)
    parsed = []
    for number, name in enumerate(order, 1):
        settings = stages[name]
        if not isinstance(settings, Mapping):
            raise StageError(f'train_cfg.stages.{name}: {settings!r}; expected a dict')
        _check_keys(settings, keys, f'train_cfg.stages.{name}')
        if 'max_epochs' not in settings:
            raise StageError(
                f'train_cfg.stages.{name}.max_epochs: missing; expected '
                'the number of epochs, 0 to skip it'
            )
        parsed.append(Stage(name=name, number=number, **_complete(settings, defaults)))
    if not any(stage.max_epochs for stage in parsed):
        raise StageError(
            'train_cfg.stages: nothing to train; expected at least one '
            'stage with max_epochs > 0'
        )
    return parsed


def stages_of(cfg: Mapping[str, Any]) -> list[Stage]:
    """Return the stages that a run's config trains; empty if it is not staged.

    Args:
        cfg (Config): The run's config.

    Raises:
        StageError: As :func:`parse_stages`, or if ``train_cfg`` contains settings of
            another loop.
    """
    train_cfg = cfg.get('train_cfg') or {}
    if type_name(train_cfg) != LOOP:
        return []
    others = sorted(set(train_cfg) - {'type', 'stages', 'order'})
    if others:
        named = ', '.join(
            f'train_cfg.stages.{name}.{others[0]}'
            for name in train_cfg.get('order') or ()
        )
        raise StageError(
            f'train_cfg.{others[0]}: {LOOP} has no such setting, a stage has: set '
            f'{named}; if it comes from a base config, write '
            'train_cfg=dict(_delete_=True, ...)'
        )
    defaults = {key: cfg.get(key) for key in DEFAULTS}
    return [
        stage
        for stage in parse_stages(
            train_cfg.get('stages') or {}, train_cfg.get('order') or (), defaults
        )
        if stage.max_epochs
    ]


def scheduler_cfgs(param_scheduler: Any) -> Iterable[dict]:
    """Yield each scheduler's config from a single one, a list, or a dict of either.

    Args:
        param_scheduler (dict | list, optional): As MMEngine's ``param_scheduler``.
    """
    if isinstance(param_scheduler, Mapping):
        parts = [param_scheduler] if 'type' in param_scheduler else None
        param_scheduler = parts or list(param_scheduler.values())
    for item in param_scheduler or ():
        if isinstance(item, Mapping) and 'type' in item:
            yield item
        else:
            yield from scheduler_cfgs(item)


def with_ends(param_scheduler: Any, epochs: int, epoch_length: int) -> Any:
    """Return a schedule whose parts end with the stage unless they set their own end.

    Args:
        param_scheduler (dict | list, optional): As MMEngine's ``param_scheduler``.
        epochs (int): Length of the stage.
        epoch_length (int): Iterations per epoch.
    """
    schedule = copy.deepcopy(param_scheduler)
    for scheduler in scheduler_cfgs(schedule):
        by_epoch = scheduler.get('by_epoch', True)
        scheduler.setdefault('end', epochs * (1 if by_epoch else epoch_length))
    return schedule


def with_detection_file(train_dataloader: dict, path: str) -> dict:
    """Return a data loader's config whose innermost dataset reads a file.

    Args:
        train_dataloader (dict): The config; left unchanged.
        path (str): The detection file.
    """
    loader = copy.deepcopy(train_dataloader)
    dataset = loader['dataset']
    while 'dataset' in dataset:  # RepeatDataset and similar wrappers
        dataset = dataset['dataset']
    dataset['detection_file'] = path
    return loader


def _within(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == p or name.startswith(f'{p}.') for p in prefixes)


def _parameters(model: nn.Module) -> Iterable[tuple[str, nn.Parameter]]:
    """Return parameters by name; shared parameters have several names."""
    return model.named_parameters(remove_duplicate=False)


def check_trainable(stage: Stage, model: nn.Module) -> None:
    """Check that a stage has something to train.

    Args:
        stage (Stage): The stage.
        model (nn.Module): The model, without wrapper.

    Raises:
        StageError: If a name does not exist in the model, or all its parameters are
            frozen.
    """
    modules = [name for name, _ in model.named_modules(remove_duplicate=False)]
    names = modules + [name for name, _ in _parameters(model)]
    for prefix in stage.trainable or ():
        if prefix not in names:
            children = ', '.join(name for name, _ in model.named_children())
            raise StageError(
                (
                    f'{stage.place}.trainable: {prefix!r} is not a module or '
                    f'parameter of {type(model).__name__}'
                )
                + (_hint(prefix, names) or f'; it has {children}')
            )
    if not any(
        p.requires_grad
        for name, p in _parameters(model)
        if stage.trainable is None or _within(name, stage.trainable)
    ):
        raise StageError(
            f'{stage.place}.trainable: {stage.trainable}: no parameter of '
            'these can be trained; do they have any, or are all frozen in the '
            "model's own config?"
        )


def freeze(model: nn.Module, stage: Stage, learns: dict[str, bool]) -> None:
    """Let only a stage's parameters learn, and discard all gradients.

    Args:
        model (nn.Module): The model, without wrapper.
        stage (Stage): The stage.
        learns (dict[str, bool]): By name, ``requires_grad`` as set by the model's own
            config; parameters frozen there stay frozen.
    """
    chosen = {
        id(parameter)
        for name, parameter in _parameters(model)
        if stage.trainable is None or _within(name, stage.trainable)
    }
    for name, parameter in model.named_parameters():
        parameter.grad = None
        parameter.requires_grad_(id(parameter) in chosen and learns.get(name, True))


def rest(model: nn.Module, stage: Stage) -> None:
    """Set a model in training to evaluation mode outside a stage's trainable part.

    Modules that contain a trainable one stay in training mode.

    Args:
        model (nn.Module): The model, without wrapper.
        stage (Stage): The stage.
    """
    if stage.trainable is None:
        return
    kept = {
        id(module)
        for name, module in model.named_modules(remove_duplicate=False)
        if not name
        or _within(name, stage.trainable)
        or any(p.startswith(f'{name}.') for p in stage.trainable)
    }
    for module in model.modules():
        if id(module) not in kept:
            module.training = False
