"""Refuse a checkpoint of another model or with other classes."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner
from torch import nn

from mammo_plugins.engine.checkpoint import (
    CheckpointError,
    check_fits_partly,
    check_state_dict,
    keep_weights,
    warn_of_later_stages,
)
from mammo_plugins.engine.classes import check_checkpoint_classes, check_classes
from mammo_plugins.engine.finite_outputs import refuse_infinite_outputs
from mammo_plugins.engine.loops import StagedTrainLoop
from mammo_plugins.engine.resuming import (
    check_training_state,
    checkpoint_folders,
    prepare_resuming,
)
from mammo_plugins.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Compare a checkpoint with the model before anything runs.

    MMEngine only warns about keys that differ and continues with random weights. When
    testing or resuming, this hook raises instead. Training from ``load_from``
    stays lenient, since fine-tuning replaces heads. Testing weights from before the
    last stage of their training gives a warning. The classes of the data, the heads
    and the checkpoint must be the same; if a checkpoint to fine-tune has other classes,
    there is a warning. Training resumes from plain data only, with the checkpoints in
    its own folder, even if that was moved (:mod:`~mammo_plugins.engine.resuming`).
    """

    def before_run(self, runner: Runner) -> None:
        """Raise :class:`AnnotationError` if the classes of data and heads differ."""
        check_classes(runner.cfg, self._model(runner), self._parts(runner))

    @staticmethod
    def _model(runner: Runner) -> nn.Module:
        model = runner.model
        return model.module if is_model_wrapper(model) else model

    @staticmethod
    def _parts(runner: Runner) -> Sequence[str]:
        loops = dict(
            train=runner._train_loop, val=runner._val_loop, test=runner._test_loop
        )
        return [part for part, loop in loops.items() if isinstance(loop, BaseLoop)]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise :class:`CheckpointError` if the weights do not fit the model."""
        training = isinstance(runner._train_loop, BaseLoop)
        name = runner._load_from or f'the latest checkpoint of {runner.work_dir}'
        fine_tuned = training and not runner._resume
        if fine_tuned:
            check_fits_partly(self._model(runner), checkpoint, name)
        else:
            check_state_dict(self._model(runner), checkpoint, name)
        keep_weights(self._model(runner), checkpoint)
        try:
            check_checkpoint_classes(checkpoint, runner.cfg, self._parts(runner), name)
        except CheckpointError as error:
            if not fine_tuned:
                raise
            runner.logger.warning(f'{error}; heads that fit start from its weights')
        if training and runner._resume:
            self._check_resuming(runner, checkpoint, name)
        if not training:
            warn_of_later_stages(checkpoint, name)
            refuse_infinite_outputs(self._model(runner), name)

    def _check_resuming(self, runner: Runner, checkpoint: dict, name: str) -> None:
        self._check_length(runner.train_loop, checkpoint.get('meta') or {}, name)
        for warning in prepare_resuming(checkpoint, checkpoint_folders(runner), name):
            runner.logger.warning(warning)
        averaged = checkpoint.get('ema_state_dict')
        if averaged is not None:  # replaces the weights
            check_state_dict(
                self._model(runner),
                dict(
                    state_dict={
                        key: value for key, value in averaged.items() if key != 'steps'
                    }
                ),
                f'{name}: ema_state_dict',
            )
        if not isinstance(runner.train_loop, StagedTrainLoop):  # builds them later
            check_training_state(checkpoint, runner, name)

    @staticmethod
    def _check_length(loop: BaseLoop, meta: dict, name: str) -> None:
        if isinstance(loop, StagedTrainLoop):  # each stage has its own length
            return
        iterations = isinstance(loop, IterBasedTrainLoop)
        unit = 'iter' if iterations else 'epoch'
        done, whole = meta.get(unit, 0), getattr(loop, f'max_{unit}s')
        if done > whole:
            raise CheckpointError(
                f'{name}: saved after {done} {unit}s, but train_cfg.max_{unit}s '
                f'is {whole}; set more to resume from it, or use an earlier '
                'checkpoint'
            )
