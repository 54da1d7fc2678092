"""A trained model and what its config says of loading images."""
from pathlib import Path
from typing import Any, Iterator, Optional, Union

import torch
from mmengine.config import Config

from mammo_plugins.apis.command_line import ConfigError
from mammo_plugins.engine.checkpoint import load_checkpoint_into
from mammo_plugins.registry import MODELS, SCOPE


def loading_steps(pipeline: Any) -> Iterator[dict]:
    """Yield every LoadMammogram of a pipeline, also inside other transforms.

    Args:
        pipeline (list[dict]): Of a config.
    """
    if isinstance(pipeline, dict):
        if _is(pipeline, 'LoadMammogram'):
            yield pipeline
        pipeline = list(pipeline.values())
    if isinstance(pipeline, (list, tuple)):
        for item in pipeline:
            yield from loading_steps(item)


def without_step(pipeline: Any, name: str) -> Any:
    """Return a pipeline without the steps of a type, also inside other transforms.

    Args:
        pipeline (list[dict]): Of a config.
        name (str): The type, without its scope.
    """
    if isinstance(pipeline, dict):
        return type(pipeline)(
            (key, without_step(value, name)) for key, value in pipeline.items())
    if isinstance(pipeline, (list, tuple)):
        return [without_step(step, name) for step in pipeline if not _is(step, name)]
    return pipeline


def _is(step: Any, name: str) -> bool:
    return isinstance(step, dict) and str(
        step.get('type')).rpartition('.')[2] == name


class TrainedModel:
    """A model with its weights, ready to predict.

    Args:
        config (str | Path | Config): The config the model was trained with.
        checkpoint (str | Path): Its checkpoint.
        device (str, optional): Defaults to ``None``, a GPU if there is one.
        trust_checkpoint (bool): Whether to load a checkpoint that holds more than
            weights and plain data, which runs code from it. Defaults to False.

    Attributes:
        config (Config), scope (str), device (str), model (nn.Module).
        loading_options (dict): Arguments of LoadMammogram in the test pipeline, or
            in that of training where the config has no test.

    Raises:
        CheckpointError: If the checkpoint is unsafe or not of this model.
        ConfigError: If that pipeline has no ``LoadMammogram``.
    """

    def __init__(self,
                 config: Union[str, Path, Config],
                 checkpoint: Union[str, Path],
                 device: Optional[str] = None,
                 trust_checkpoint: bool = False) -> None:
        if not isinstance(config, Config):
            config = Config.fromfile(config)
        self.config = config
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        # a generator is not tested
        part = next(p for p in ('test_dataloader', 'train_dataloader') if config.get(p))
        loading = list(loading_steps(config[part].dataset.get('pipeline', [])))
        if not loading:
            raise ConfigError(
                f'{config.filename}: {part}.dataset.pipeline has no '
                'LoadMammogram, whose frame maps boxes back to the files')
        self.loading_options = {k: v for k, v in loading[0].items()
                                if k not in ('type', 'cache_dir')}
        self.scope = config.get('default_scope', SCOPE)
        with MODELS.switch_scope_and_registry(self.scope):
            self.model = MODELS.build(config.model)
        load_checkpoint_into(self.model, str(checkpoint), trust_checkpoint)
        self.model.to(self.device).eval()
