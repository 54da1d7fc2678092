"""Trained models, single or combined into an ensemble."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mammo_plugins.datasets.pipeline import every_step
from mammo_plugins.engine.checkpoint import load_checkpoint_into, warn_of_later_stages
from mammo_plugins.engine.classes import check_checkpoint_classes, check_classes
from mammo_plugins.engine.finite_outputs import refuse_infinite_outputs
from mammo_plugins.io import file_sha256
from mammo_plugins.models.test_time_augs import EnsembleModel
from mammo_plugins.models.test_time_augs.flips import DIMS
from mammo_plugins.registry import MODELS, SCOPE, type_name

from .acceleration import predict_in
from .config_loading import ConfigError


def loaded_model(
    config: Config, checkpoint: str | Path, part: str, trust_checkpoint: bool = False
) -> tuple[nn.Module, dict]:
    """Build a config's model with the weights of a checkpoint.

    Args:
        config (Config): Config of the model.
        checkpoint (str | Path): Its checkpoint.
        part (str): Part whose classes the model must have, such as 'test'.
        trust_checkpoint (bool): As in :class:`~.trained_model.TrainedModel`.

    Returns:
        tuple[nn.Module, dict]: The model, and the content of the checkpoint.

    Raises:
        CheckpointError: If the checkpoint is unsafe, or belongs to another model or
            other classes.
        AnnotationError: If the data and the model's heads have different classes.
    """
    with MODELS.switch_scope_and_registry(config.get('default_scope', SCOPE)):
        model = MODELS.build(config.model)
    check_classes(config, model, [part])
    loaded = load_checkpoint_into(model, str(checkpoint), trust_checkpoint)
    check_checkpoint_classes(loaded, config, [part], str(checkpoint))
    warn_of_later_stages(loaded, str(checkpoint))
    refuse_infinite_outputs(model, str(checkpoint))
    return model, loaded


def trained_flips(config: Config) -> list[str]:
    """Return the directions in which a config's training flips images.

    Test-time augmentation must not use flips that training never used: the chest wall
    would be on the wrong side, the pectoral muscle at the bottom, or a pair of breasts,
    which lie next to each other in one frame, in an arrangement that never occurs.

    Args:
        config (Config): Config of a model.

    Returns:
        list[str]: Some of 'horizontal', 'vertical' and 'diagonal'.

    Raises:
        ConfigError: If training uses no flips.
    """
    loader = config.get('train_dataloader') or {}
    found = set()
    for step in every_step(loader.get('dataset')):
        if type_name(step) == 'RandomFlip' and step.get('prob') != 0:
            direction = step.get('direction', 'horizontal')
            found |= {direction} if isinstance(direction, str) else set(direction)
    flips = [name for name in DIMS if name in found]
    if not flips:
        raise ConfigError(
            f'{config.filename}: --tta flip: the training flips no image (no RandomFlip '
            'in train_dataloader), so that the model does not know flipped ones, and its '
            'answers for them would make those for the others worse; leave --tta out'
        )
    return flips


def refuse_repeated(checkpoints: Sequence[str | Path]) -> None:
    """Refuse an ensemble in which a checkpoint appears twice.

    Args:
        checkpoints (Sequence[str | Path]): Checkpoints of all models in the ensemble.

    Raises:
        ConfigError: If two have the same content.
    """
    if len(checkpoints) < 2:
        return  # nothing to compare, and hashing takes time
    known: dict[str, str | Path] = {}
    for path in checkpoints:
        digest = file_sha256(path)
        if digest in known:
            raise ConfigError(
                f'--ensemble: {path} has the same content as {known[digest]}; an ensemble needs '
                'different checkpoints'
            )
        known[digest] = path


def together(
    model: nn.Module, others: Sequence[nn.Module], flips: Sequence[str]
) -> nn.Module:
    """Return the model unchanged, or an ensemble if there are more models or flips.

    Args:
        model (nn.Module): The first model.
        others (Sequence[nn.Module]): Further ones.
        flips (Sequence[str]): Flips from :func:`trained_flips`, or none.
    """
    return EnsembleModel(model, others, flips) if others or flips else model


class EnsembleHook(Hook):
    """Test several models as one after the first has loaded its weights.

    Like MMEngine's ``PrepareTTAHook``.

    Args:
        checkpoints (Sequence[str]): Checkpoints of the further models.
        flips (Sequence[str]): Flips from :func:`trained_flips`, or none.
        trust_checkpoint (bool): As in :func:`loaded_model`. Defaults to False.
        precision (str): As in :func:`~.acceleration.predict_in`. Defaults to 'fp32'.
    """

    def __init__(
        self,
        checkpoints: Sequence[str] = (),
        flips: Sequence[str] = (),
        trust_checkpoint: bool = False,
        precision: str = 'fp32',
    ) -> None:
        self.precision = precision
        self.checkpoints = checkpoints
        self.flips = flips
        self.trust_checkpoint = trust_checkpoint

    def before_test(self, runner: Runner) -> None:
        """Replace the model by the ensemble."""
        device = next(runner.model.parameters()).device
        others = [
            loaded_model(runner.cfg, path, 'test', self.trust_checkpoint)[0]
            for path in self.checkpoints
        ]
        for model in others:
            model.to(device).eval()
        wrapped = is_model_wrapper(runner.model)
        for model in (runner.model.module if wrapped else runner.model, *others):
            predict_in(model, self.precision)
        runner.model = together(runner.model, others, self.flips)
