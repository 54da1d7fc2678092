"""Base of models that are not detectors or classifiers of OpenMMLab."""

from typing import Any, ClassVar

from mmengine.model import BaseModel

from mammo_plugins.registry import MODELS


class ModeSwitch:
    """``forward(mode=...)`` as required by MMEngine, for models of any kind.

    A mixin; list it before the model class. ``modes`` names the method of each mode;
    all are called as ``method(inputs, data_samples)``.
    """

    modes: ClassVar[dict[str, str]] = dict(
        tensor='_forward', loss='loss', predict='predict'
    )

    def forward(
        self, inputs: Any, data_samples: list | None = None, mode: str = 'tensor'
    ) -> Any:
        """Run the model.

        Args:
            inputs (dict[str, Tensor]): Inputs from the data preprocessor.
            data_samples (list, optional): Samples from the data preprocessor.
            mode (str): 'tensor' for raw outputs, 'loss' for losses by name, 'predict'
                for the samples with predictions, or another mode of the model.

        Raises:
            RuntimeError: If the model has no such mode.
        """
        if mode not in self.modes:
            *most, last = self.modes
            raise RuntimeError(
                f'{type(self).__name__}.forward: mode {mode!r}; expected '
                f'{", ".join(most)} or {last}'
            )
        return getattr(self, self.modes[mode])(inputs, data_samples)


class MultiViewModel(ModeSwitch, BaseModel):
    """Multi-view model with its own losses and predictions.

    Args:
        data_preprocessor (dict, optional): Settings in addition to those of the class's
            ``default_preprocessor``; a ``type`` replaces its type.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    default_preprocessor: ClassVar[dict] = dict(type='mammo.MultiViewDataPreprocessor')

    def __init__(
        self, data_preprocessor: dict | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(
            MODELS.build({**self.default_preprocessor, **(data_preprocessor or {})}),
            init_cfg,
        )
