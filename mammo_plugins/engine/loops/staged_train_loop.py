"""Training in stages within one run."""

import copy
import gc
import os.path as osp
from collections.abc import Mapping, Sequence

import torch
from mmengine.dist import barrier, broadcast
from mmengine.evaluator import Evaluator
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from mammo_plugins.engine.checkpoint import load_checkpoint_into
from mammo_plugins.engine.loops.stage_detections import (
    file_is_there,
    predict_detections,
)
from mammo_plugins.engine.loops.stage_hook import (
    StageHook,
    best_checkpoint,
    forget_stage,
    keep_best,
)
from mammo_plugins.engine.loops.stages import (
    Stage,
    StageError,
    check_trainable,
    freeze,
    parse_stages,
    rest,
    with_detection_file,
    with_ends,
)
from mammo_plugins.registry import LOOPS


def without_batch(dataloader: DataLoader) -> str:
    """Return why a data loader yields no batch, or '' if it yields at least one.

    Args:
        dataloader (DataLoader): Training data loader.
    """
    if len(dataloader):
        return ''
    share = len(dataloader.sampler)
    each = f' ({share} for this process)' if share < len(dataloader.dataset) else ''
    return (
        f'{len(dataloader.dataset)} samples{each} make no batch of '
        f'{dataloader.batch_size} with drop_last=True; set batch_size to at most '
        f'{max(share, 1)}, or drop_last=False'
    )


@LOOPS.register_module()
class StagedTrainLoop(EpochBasedTrainLoop):
    """Train a model in stages, each with its own data, part, optimizer and length.

    Parameters outside a stage's ``trainable`` do not learn, and modules outside it are
    in evaluation mode, so that running statistics are kept. Everything that the model's
    own config freezes stays frozen. If the model has a method ``start_stage(name)``, it
    is called for each stage, and as ``start_stage(None)`` at the end.

    Epochs and iterations are counted over all stages, in logs and in checkpoint
    names. Schedules are counted from the beginning of their stage. Early stopping
    ends a stage, not the training, and each stage keeps its own best checkpoint.
    A checkpoint can be resumed in any stage. If it was saved before the
    validation of its epoch, it is validated first. The remaining time in the log counts
    stages whose data depend on ``detections`` only once they have begun.

    Args:
        runner (Runner): The runner.
        dataloader (dict): The runner's top-level ``train_dataloader``.
        stages (dict[str, dict]): Stages by name. Each has:

            - max_epochs (int): Length; 0 skips the stage.
            - trainable (list[str], optional): Dotted names of modules or parameters
              to train, each with all below it. Defaults to ``None``, all.
            - train_dataloader (dict), optim_wrapper (dict), auto_scale_lr (dict):
              Differences from the top-level ones, merged as configs inherit:
              ``_delete_=True`` drops the top-level settings.
            - param_scheduler (dict | list): Replaces the top-level one; ``None``
              keeps the rate constant.
            - val_begin (int), val_interval (int): In epochs of the stage. By default
              the stage is validated only at its end.
            - val_evaluator (dict | list): Metrics of its validation, in place of the
              top-level ``val_evaluator``; without a ``type``, differences from that,
              such as ``dict(metrics=dict(malignancy=None))``.
            - save_best (str): Metric of its validation that should be maximized. The
              best weights by this metric are kept as by MMEngine's checkpoint hook,
              and the next stage starts from them. If a stage has it, the hook's
              own ``save_best`` is not used.
            - detections (dict): ``dataloader``, merged over the top-level
              ``train_dataloader``, and ``out_file``. Before the stage, the current
              model predicts over the data loader. The file, relative to
              the work dir, becomes ``detection_file`` of the stage's dataset. A
              resumed stage uses the existing file.

        order (list[str]): The names of all stages in the order of training. It is
            needed because MMEngine does not keep the order of a dict when it writes a
            config.

    Raises:
        StageError: If a stage's settings are wrong, or it has nothing to train.

    Example:
        >>> train_cfg = dict(
        ...     type='StagedTrainLoop',
        ...     order=['top', 'all'],
        ...     stages=dict(
        ...         top=dict(max_epochs=4, trainable=['roi_head', 'rpn_head']),
        ...         all=dict(max_epochs=8)))
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict,
        stages: Mapping[str, dict],
        order: Sequence[str],
    ) -> None:
        # not the parent's __init__, which builds the data of the whole training
        super(EpochBasedTrainLoop, self).__init__(runner, DataLoader([]))
        parsed = parse_stages(
            stages,
            order,
            dict(
                train_dataloader=dataloader,
                optim_wrapper=runner.optim_wrapper,
                param_scheduler=runner.param_schedulers,
                auto_scale_lr=runner.auto_scale_lr,
                val_evaluator=runner.cfg.get('val_evaluator'),
            ),
        )
        self._names = [stage.name for stage in parsed]
        self.stages: list[Stage] = [s for s in parsed if s.max_epochs]
        for stage in self.stages:
            check_trainable(stage, self.model)
        self._learns = {
            name: parameter.requires_grad
            for name, parameter in self.model.named_parameters()
        }
        # the runner would build these for the whole training
        runner.auto_scale_lr = None
        runner.optim_wrapper = OptimWrapper(torch.optim.SGD([torch.zeros(1)], lr=0.0))
        runner.param_schedulers = []
        self._hook = StageHook()
        runner.register_hook(self._hook)
        self.stage = self.stages[0]
        self.begin_epoch = self._epoch = self._iter = 0
        self.stop_training = False
        self._max_iters = 0
        self._lengths: dict[str, int] = {}
        self._evaluator: Evaluator | None = None

    @property
    def model(self) -> nn.Module:
        """nn.Module: The runner's model, without wrapper."""
        model = self.runner.model
        return model.module if is_model_wrapper(model) else model

    @property
    def later_stages(self) -> list[Stage]:
        """list[Stage]: The stages after the current one."""
        return self.stages[self.stages.index(self.stage) + 1 :]

    @property
    def later_names(self) -> list[str]:
        """list[str]: Names of the stages after the current one, including skipped ones."""
        return self._names[self._names.index(self.stage.name) + 1 :]

    @property
    def max_epochs(self) -> int:
        """int: Epochs of all stages; a stage that was stopped early has fewer."""
        return self.begin_epoch + sum(
            s.max_epochs for s in (self.stage, *self.later_stages)
        )

    @property
    def max_iters(self) -> int:
        """int: Iterations, as far as the sizes of the stages' data are known."""
        return self._max_iters

    @property
    def val_begin(self) -> int:
        """int: First epoch of the current stage after which to validate."""
        return self.stage.val_begin

    @property
    def val_interval(self) -> int:
        """int: Epochs of the current stage between validations."""
        return self.stage.val_interval or self.stage.max_epochs

    def run(self) -> nn.Module:
        """Train all stages, or the remaining ones of a resumed run."""
        runner = self.runner
        resumed = self._iter > 0
        if resumed:
            self._find_stage()
        self._measure_stages()
        self._enter(resumed)
        runner.call_hook('before_train')
        if resumed and self._hook.restore(runner) and self._is_time_to_validate():
            runner.val_loop.run()
        self._run_stage()
        self._take_best()
        for stage in self.later_stages:
            self.stage, self.begin_epoch = stage, self._epoch
            self._enter()
            self._run_stage()
            self._take_best()
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(self._learns.get(name, True))
        self._tell_model(None)
        runner.call_hook('after_train')
        return runner.model

    def run_epoch(self) -> None:
        """Run one epoch, with modules that are not trained in evaluation mode."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        rest(self.model, self.stage)
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _run_stage(self) -> None:
        while self._stage_epoch < self.stage.max_epochs and not self.stop_training:
            self.run_epoch()
            if self._is_time_to_validate():
                self.runner.val_loop.run()
        self.stop_training = False

    def _take_best(self) -> None:
        """Load the best weights of the stage, if it has ``save_best``."""
        if self.stage.save_best is not None:
            path = best_checkpoint(self.runner)
            if path is None:
                raise StageError(
                    f'{self.stage.place}.save_best: no validation has given a '
                    f'{self.stage.save_best}; see val_begin and val_interval, and '
                    'whether the validation part has samples for it'
                )
            barrier()  # wait until the main process has written it
            self.runner.logger.info(
                f'using the best weights of stage {self.stage.name}: {path}'
            )
            load_checkpoint_into(self.model, path)

    @property
    def _stage_epoch(self) -> int:
        return self._epoch - self.begin_epoch

    def _is_time_to_validate(self) -> bool:
        epoch = self._stage_epoch
        return (
            self.runner.val_loop is not None
            and epoch >= self.val_begin
            and (epoch % self.val_interval == 0 or epoch == self.stage.max_epochs)
        )

    def _find_stage(self) -> None:
        """Go to the stage of the loaded checkpoint."""
        state = self._hook.loaded.get('stage')
        if state is None:
            raise StageError(
                'the checkpoint to resume from was not written by training in '
                'stages; to start from its weights, set load_from without resume'
            )
        names = [stage.name for stage in self.stages]
        place = self._names.index(state['name']) if state['name'] in names else -1
        # older checkpoints contain only the later stages
        trained = state.get('stages') or [
            *self._names[:place],
            state['name'],
            *state['later'],
        ]
        expected = names if 'stages' in state else self._names
        if place < 0 or list(trained) != expected:
            raise StageError(
                'train_cfg.stages: the checkpoint to resume from comes from a '
                f'training of the stages {", ".join(trained)} (it was saved in '
                f'{state["name"]}), the config trains {", ".join(expected)}; '
                'resume with the same stages, or set load_from without resume'
            )
        self.stage = self.stages[names.index(state['name'])]
        self.begin_epoch = state['begin_epoch']
        if self._stage_epoch > self.stage.max_epochs:
            raise StageError(
                f'{self.stage.place}.max_epochs: {self.stage.max_epochs}, but the '
                f'checkpoint to resume from was saved after {self._stage_epoch} '
                'epochs of the stage; set at least as many, or use an earlier one'
            )

    def _measure_stages(self) -> None:
        """Measure the data of later stages, which reveals errors in them at once."""
        for stage in self.later_stages:
            if stage.detections is None:
                self._lengths[stage.name] = len(
                    self._training_data(stage, stage.train_dataloader)
                )

    def _enter(self, resumed: bool = False) -> None:
        """Prepare the model, data, optimizer and schedule of the stage."""
        runner, stage = self.runner, self.stage
        runner.logger.info(
            f'stage {stage.number}/{len(self._names)} {stage.name}: '
            f'{stage.max_epochs} epochs from {self.begin_epoch + 1}, '
            f'trains {", ".join(stage.trainable or ["all"])}'
        )
        self.dataloader = None  # ends its workers before new ones start
        for tensor in self.model.buffers():
            broadcast(tensor)  # the main process's running statistics, as saved
        loader_cfg = stage.train_dataloader
        if stage.detections is not None:
            loader_cfg = with_detection_file(
                loader_cfg, self._detection_file(reuse=resumed)
            )
        self._tell_model(stage.name)
        freeze(self.model, stage, self._learns)
        self._rewrap_model()
        self.dataloader = self._training_data(stage, loader_cfg)
        runner._train_dataloader = loader_cfg  # its batch size scales the rates
        if not resumed:
            forget_stage(runner)
        self._build_optimisation()
        self._prepare_validation()
        self._publish()

    def _prepare_validation(self) -> None:
        """Set the stage's metrics for validation, and keep its best weights."""
        runner, stage = self.runner, self.stage
        loop = runner.val_loop
        if loop is not None:
            if self._evaluator is None:
                self._evaluator = loop.evaluator
            loop.evaluator = self._evaluator
            if stage.val_evaluator is not None:
                loop.evaluator = runner.build_evaluator(
                    copy.deepcopy(stage.val_evaluator)
                )
                loop.evaluator.dataset_meta = self._evaluator.dataset_meta
        if stage.save_best is not None and loop is None:
            raise StageError(
                f'{stage.place}.save_best: there is no validation; '
                'set val_dataloader and val_evaluator'
            )
        if any(each.save_best for each in self.stages):
            keep_best(runner, stage.save_best)

    def _build_dataloader(self, cfg: dict) -> DataLoader:
        runner = self.runner
        return runner.build_dataloader(
            cfg,
            seed=runner.seed,
            diff_rank_seed=runner._randomness_cfg.get('diff_rank_seed', False),
        )

    def _training_data(self, stage: Stage, cfg: dict) -> DataLoader:
        dataloader = self._build_dataloader(cfg)
        reason = without_batch(dataloader)
        if reason:
            raise StageError(f'{stage.place}.train_dataloader: {reason}')
        return dataloader

    def _tell_model(self, stage: str | None) -> None:
        if hasattr(self.model, 'start_stage'):
            self.model.start_stage(stage)

    def _detection_file(self, reuse: bool) -> str:
        """Return the file of the stage's detections; predict them unless reused."""
        runner, detections = self.runner, self.stage.detections
        path = osp.join(runner.work_dir, detections['out_file'])
        if reuse and file_is_there(path):
            runner.logger.info(f'reusing existing detections: {path}')
            return path
        place = self._names.index(self.stage.name)
        # parts that are still to be trained are not used
        self._tell_model(self._names[place - 1] if place else None)
        predict_detections(
            self.model,
            self._build_dataloader(detections['dataloader']),
            path,
            dict(
                experiment=runner.experiment_name,
                stage=self.stage.name,
                epoch=self._epoch,
            ),
        )
        return path

    def _rewrap_model(self) -> None:
        """Wrap the model of a distributed run again, for the stage's parameters only."""
        runner = self.runner
        if not is_model_wrapper(runner.model):
            return
        runner.model = self.model
        gc.collect()  # the old wrapper's buffers are as large as its gradients
        runner.model = runner.wrap_model(
            runner.cfg.get('model_wrapper_cfg'), runner.model
        )
        runner._maybe_compile('train_step')

    def _build_optimisation(self) -> None:
        runner, stage = self.runner, self.stage
        length = self._lengths[stage.name] = len(self.dataloader)
        runner.param_schedulers = []
        runner.optim_wrapper = runner.build_optim_wrapper(
            copy.deepcopy(stage.optim_wrapper)
        )
        runner.scale_lr(runner.optim_wrapper, stage.auto_scale_lr)
        runner.param_schedulers = runner.build_param_scheduler(
            with_ends(stage.param_scheduler, stage.max_epochs, length) or []
        )
        runner.optim_wrapper.initialize_count_status(
            runner.model, self._stage_epoch * length, stage.max_epochs * length
        )
        self._max_iters = (
            self._iter
            + (stage.max_epochs - self._stage_epoch) * length
            + sum(
                s.max_epochs * self._lengths.get(s.name, 0) for s in self.later_stages
            )
        )

    def _publish(self) -> None:
        """Publish the state for components that read the message hub or visualizer."""
        metainfo = getattr(self.dataloader.dataset, 'metainfo', None)
        self.runner.visualizer.dataset_meta = metainfo
        self.runner.message_hub.update_info_dict(
            dict(
                stage=self.stage.name,
                max_epochs=self.max_epochs,
                max_iters=self.max_iters,
                dataset_meta=metainfo,
            )
        )
