"""The base of models that are no detectors or classifiers of mm*."""

from typing import Any, ClassVar

from mmengine.model import BaseModel

from mammo_plugins.registry import MODELS


class ModeSwitch:
    """``forward(mode=...)`` as MMEngine asks, for models of any kind.

    Mixed in before the model. ``modes`` names the method of each mode; all are called
    as ``method(inputs, data_samples)``.
    """

    modes: ClassVar[dict[str, str]] = dict(
        tensor='_forward', loss='loss', predict='predict'
    )

    def forward(
        self, inputs: Any, data_samples: list | None = None, mode: str = 'tensor'
    ) -> Any:
        """Run the model.

        Args:
            inputs (dict[str, Tensor]): Of the data preprocessor.
            data_samples (list, optional): Of the data preprocessor.
            mode (str): 'tensor' for raw outputs, 'loss' for losses by name, 'predict'
                for the samples with predictions, and what the model has beside.

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
    """A model of several views with its own losses and predictions.

    Args:
        data_preprocessor (dict, optional): Settings beside those of the class's
            ``default_preprocessor``, whose type another one replaces.
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
