"""A trained model and its config's settings for loading images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from mammo_plugins.apis.acceleration import predict_in
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.datasets.pipeline import every_step, is_named
from mammo_plugins.engine.checkpoint import require_file
from mammo_plugins.registry import SCOPE, type_name
from mammo_plugins.structures.pixel_size import KEY as PIXEL_SIZE_KEY

from .ensembles import loaded_model, refuse_repeated, together, trained_flips


def loading_steps(pipeline: Any) -> Iterator[dict]:
    """Return every LoadMammogram of a pipeline, including nested ones.

    Args:
        pipeline (list | dict): Pipeline of a config.
    """
    return (step for step in every_step(pipeline) if type_name(step) == 'LoadMammogram')


def without_step(pipeline: Any, name: str) -> Any:
    """Return a pipeline without the steps of a type, including nested ones.

    Args:
        pipeline (list | dict): Pipeline of a config.
        name (str): The type, without its scope.
    """
    if is_named(pipeline):
        return type(pipeline)(
            (key, None if type_name(value) == name else without_step(value, name))
            for key, value in pipeline.items()
        )
    if isinstance(pipeline, dict):
        return type(pipeline)(
            (key, without_step(value, name))
            for key, value in pipeline.items()
            if type_name(value) != name
        )
    if isinstance(pipeline, (list, tuple)):
        # tuples are kept, such as the scale of Resize
        return type(pipeline)(
            without_step(step, name) for step in pipeline if type_name(step) != name
        )
    return pipeline


class TrainedModel:
    """A model with its weights, ready to predict.

    Args:
        config (str | Path | Config): The config used to train the model.
        checkpoint (str | Path): Its checkpoint.
        device (str, optional): Defaults to ``None``, a GPU if there is one.
        trust_checkpoint (bool): Whether to load a checkpoint that contains more than
            weights and plain data; this runs code from it. Defaults to False.
        ensemble (Sequence[str | Path]): Further checkpoints of the same config that
            form an ensemble with it. Defaults to none.
        tta (str, optional): 'flip' to predict flipped images, too, see
            :func:`~.ensembles.trained_flips`. Defaults to ``None``.
        precision (str): As in :func:`~mammo_plugins.apis.acceleration.predict_in`.
            Defaults to 'fp32'.

    Attributes:
        config (Config), checkpoint (Path), ensemble (list[Path]), scope (str),
        device (str), model (nn.Module).
        precision (str): Number format of predictions, 'bf16', 'fp16' or 'fp32'.
        trained_pixel_size (float, optional): Pixel size of the network's input in
            training, in mm, if the checkpoint records it.
        loading_options (dict): Arguments of LoadMammogram in the test pipeline, or in
            the training pipeline if the config has no test.

    Raises:
        CheckpointError: If a checkpoint is unsafe, or belongs to another model or other
            classes.
        AnnotationError: If the data and the model's heads have different classes.
        ConfigError: If that pipeline has no ``LoadMammogram``, the model does not
            support ``tta``, or the device does not support the number format.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        trust_checkpoint: bool = False,
        ensemble: Sequence[str | Path] = (),
        tta: str | None = None,
        precision: str = 'fp32',
    ) -> None:
        if not isinstance(config, Config):
            config = Config.fromfile(config)
        self.config = config
        self.checkpoint = Path(checkpoint)
        self.ensemble = list(map(Path, ensemble))
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        # a generator is not tested
        part = next(p for p in ('test_dataloader', 'train_dataloader') if config.get(p))
        loading = list(loading_steps(config[part].dataset.get('pipeline', [])))
        if not loading:
            raise ConfigError(
                f'{config.filename}: {part}.dataset.pipeline has no '
                'LoadMammogram, whose frame maps boxes back to the files'
            )
        self.loading_options = {
            k: v for k, v in loading[0].items() if k not in ('type', 'cache_dir')
        }
        self.scope = config.get('default_scope', SCOPE)
        flips = trained_flips(config) if tta else []
        (first, loaded), *others = (
            loaded_model(config, path, part[: -len('_dataloader')], trust_checkpoint)
            for path in self.checkpoints
        )
        refuse_repeated(self.checkpoints)
        models = [first, *(model for model, _ in others)]
        for model in models:
            self.precision = predict_in(model.to(self.device), precision)
        self.model = together(first, models[1:], flips)
        self.trained_pixel_size = (loaded.get('meta') or {}).get(PIXEL_SIZE_KEY)
        self.model.to(self.device).eval()

    @property
    def checkpoints(self) -> list[Path]:
        """list[Path]: Checkpoints of all models in the ensemble."""
        return [self.checkpoint, *self.ensemble]


def trained_model_of(
    kind: str,
    config: Config,
    checkpoint: str | None,
    device: str | None = None,
    trust_checkpoint: bool = False,
) -> TrainedModel:
    """Load a model for a command that works with only one kind of model.

    Args:
        kind (str): Type of the model, without its scope.
        config, checkpoint, device, trust_checkpoint: As in :class:`TrainedModel`.

    Raises:
        ConfigError: If the model is of another kind, or no checkpoint is given.
        CheckpointError: If the file does not exist; and as in :class:`TrainedModel`.
    """
    if checkpoint is None:
        raise ConfigError(f'{config.filename}: give the checkpoint of its training too')
    require_file(checkpoint, 'checkpoint')
    if type_name(config.model) != kind:
        raise ConfigError(
            f'{config.filename}: model.type is {config.model.type}; expected a {kind}'
        )
    return TrainedModel(config, checkpoint, device, trust_checkpoint)
