"""Stage information in hooks and checkpoints."""

from math import inf
from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook, IterTimerHook
from mmengine.runner import Runner

from mammo_plugins.engine.checkpoint_content import is_count
from mammo_plugins.engine.loops.stages import StageError
from mammo_plugins.engine.resuming import check_training_state

# keys of the current stage in a checkpoint
OF_STAGE = ('stage', 'optimizer', 'param_schedulers')


def forget_stage(runner: Runner) -> None:
    """Make the hooks discard their state of the previous stage.

    A stage has its own losses in the log, and its own timing, patience and best
    checkpoint. The best checkpoint of the previous stage is kept.

    Args:
        runner (Runner): The runner.
    """
    hub = runner.message_hub
    for values in (hub.log_scalars, hub.runtime_info):
        for key in list(values):
            if key.startswith(('train/', 'val/', 'best_score', 'best_ckpt')):
                values.pop(key)
                # otherwise resuming would miss it, with a warning
                hub._resumed_keys.pop(key, None)
    for hook in runner.hooks:
        if isinstance(hook, IterTimerHook):
            hook.time_sec_tot, hook.start_iter = 0, runner.iter
        elif isinstance(hook, EarlyStoppingHook):
            hook.wait_count = 0
            hook.best_score = -inf if hook.rule == 'greater' else inf
        elif isinstance(hook, CheckpointHook) and hook.save_best:
            if len(hook.key_indicators) == 1:
                hook.best_ckpt_path = None
            else:
                hook.best_ckpt_path_dict = dict.fromkeys(hook.key_indicators)


def keep_best(runner: Runner, metric: str | None) -> None:
    """Let MMEngine's checkpoint hook keep the best weights by a metric.

    Args:
        runner (Runner): The runner.
        metric (str, optional): Metric to maximize; ``None`` keeps no best weights.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            hook.best_ckpt_path = None
            hook.save_best = metric and [metric]
            hook.is_better_than = {metric: hook.rule_map['greater']}
            hook.rules, hook.key_indicators = ['greater'], [metric]


def best_checkpoint(runner: Runner) -> str | None:
    """Return the file with the best weights that the hook has kept, if any."""
    paths = [
        hook.best_ckpt_path for hook in runner.hooks if isinstance(hook, CheckpointHook)
    ]
    return next(filter(None, paths), None)


class StageHook(Hook):
    """Store the stage in checkpoints; :class:`StagedTrainLoop` registers this hook.

    MMEngine saves at the end of an epoch, before validation. To let a run resume as if
    it had not been stopped, a checkpoint records whether its validation is pending, and
    the state of early stopping.
    """

    priority = 'NORMAL'

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}
        self._metrics: dict | None = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Discard the last validation."""
        self._metrics = None

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Remember the validation of this epoch.

        Raises:
            StageError: If it lacks the metric of the stage's ``save_best``.
        """
        stage = runner.train_loop.stage
        if stage.save_best is not None and stage.save_best not in (metrics or {}):
            raise StageError(
                f'{stage.place}.save_best: the validation has no '
                f'{stage.save_best}; it has {", ".join(sorted(metrics or {}))}'
            )
        self._metrics = {
            k: float(v)
            for k, v in (metrics or {}).items()
            if isinstance(v, (int, float)) or getattr(v, 'size', None) == 1
        }

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the stage to the checkpoint."""
        loop = runner.train_loop
        checkpoint['stage'] = dict(
            name=loop.stage.name,
            stages=[stage.name for stage in loop.stages],
            later=loop.later_names,
            begin_epoch=loop.begin_epoch,
            # saved at the end of an epoch, not within it or after validation
            to_validate=checkpoint['meta']['epoch'] > loop.epoch,
            metrics=self._metrics,
            early_stopping=[
                (h.wait_count, float(h.best_score))
                for h in self._early_stopping(runner)
            ],
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the stage's state until the loop enters the stage and restores it."""
        self.loaded = {
            key: checkpoint.pop(key) for key in OF_STAGE if key in checkpoint
        }
        if runner._resume:
            self._check_stage(self.loaded.get('stage'))
        # the comparison needs the stage's data, which are not built yet
        checkpoint.get('meta', {}).pop('dataset_meta', None)

    @staticmethod
    def _check_stage(stage: dict | None) -> None:
        """Raise for a stage in a checkpoint that was not written by this hook."""
        if stage is None:  # reported by the loop
            return
        try:
            names = [stage['name'], *stage.get('stages', ()), *stage['later']]
            metrics = stage['metrics'] or {}
            counts = [stage['begin_epoch'], *(c for c, _ in stage['early_stopping'])]
            scores = [*metrics.values(), *(s for _, s in stage['early_stopping'])]
            sound = (
                all(isinstance(name, str) for name in names)
                and all(map(is_count, counts))
                and all(isinstance(score, (int, float)) for score in scores)
                and isinstance(stage['to_validate'], bool)
            )
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
            sound = False  # a missing key, or a number or tensor in place of a list
        if not sound:
            raise StageError(
                'the checkpoint to resume from has an unreadable stage; use an '
                'earlier one'
            )

    def restore(self, runner: Runner) -> bool:
        """Load the stage's state from the checkpoint.

        Returns:
            bool: Whether the validation of the last epoch is pending.
        """
        check_training_state(self.loaded, runner, runner._load_from)
        if 'optimizer' in self.loaded:
            runner.optim_wrapper.load_state_dict(self.loaded['optimizer'])
        self._restore_schedulers(runner)
        stage = self.loaded['stage']
        for hook, (count, score) in zip(
            self._early_stopping(runner), stage['early_stopping']
        ):
            hook.wait_count, hook.best_score = count, score
            if stage['metrics'] is not None:
                # saved during validation, before this hook was called
                hook.after_val_epoch(runner, stage['metrics'])
        self.loaded = {}
        return stage['to_validate']

    def _restore_schedulers(self, runner: Runner) -> None:
        given, built = self.loaded.get('param_schedulers'), runner.param_schedulers
        if not given or not built:
            return
        if isinstance(built, dict):
            pairs = [pair for name in built for pair in zip(built[name], given[name])]
        else:
            pairs = zip(built, given)
        for scheduler, state in pairs:
            scheduler.load_state_dict(state)

    @staticmethod
    def _early_stopping(runner: Runner) -> list:
        return [hook for hook in runner.hooks if isinstance(hook, EarlyStoppingHook)]
