"""Models whose parts are trained one after the other."""

from typing import ClassVar

from torch import nn


class StagedModel:
    """Mixin for models whose parts are trained in stages.

    :class:`~mammo_plugins.engine.loops.StagedTrainLoop` calls :meth:`start_stage`,
    freezes the parts that a stage does not train, and selects its data. In a stage, the
    trained parts are in training mode and the others in evaluation mode, with the
    running statistics and dropout of trained parts. ``stage_parts`` names the children
    to train in each stage, in the order of training. Stages whose children are all
    ``None`` are omitted. List this class before the model class.
    """

    stage_parts: ClassVar[dict[str, tuple[str, ...]]] = {}
    stage: str | None = None

    @property
    def stages(self) -> list[str]:
        """list[str]: Names that :meth:`start_stage` accepts."""
        return [
            stage
            for stage, parts in self.stage_parts.items()
            if any(getattr(self, part) is not None for part in parts)
        ]

    def start_stage(self, stage: str | None) -> None:
        """Choose the part to train.

        Args:
            stage (str, optional): ``None`` when training is over.

        Raises:
            ValueError: If the model has no such stage.
        """
        if stage is not None and stage not in self.stages:
            raise ValueError(
                f'{type(self).__name__}: no part {stage!r} to train; '
                f'expected one of {self.stages}'
            )
        self.stage = stage

    def started_stage(self) -> str:
        """Return the current stage.

        Raises:
            RuntimeError: If none was started.
        """
        if self.stage is None:
            raise RuntimeError(
                f'{type(self).__name__} is trained in stages: set train_cfg.type '
                'to StagedTrainLoop, or train a part with a config of its own'
            )
        return self.stage

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode; in a stage, the other parts stay in evaluation mode."""
        super().train(mode)
        if mode and self.stage is not None:
            for name, part in self.named_children():
                part.train(name in self.stage_parts[self.stage])
        return self
