"""Trained models, alone or several as one."""

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
        config (Config): Of the model.
        checkpoint (str | Path): Its checkpoint.
        part (str): Whose classes it has to have, such as 'test'.
        trust_checkpoint (bool): As in :class:`~.trained_model.TrainedModel`.

    Returns:
        tuple[nn.Module, dict]: The model, and what the checkpoint holds.

    Raises:
        CheckpointError: If the checkpoint is unsafe, or not of this model or of the
            classes of the data.
        AnnotationError: If the data and the model's heads have other classes.
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

    A flip that was never seen in training is no second look at an image: the chest
    wall would be on the wrong side, the pectoral muscle at the bottom, or a pair of
    breasts, which are laid beside each other in one frame, in a state that none is in.

    Args:
        config (Config): Of a model.

    Returns:
        list[str]: Of 'horizontal', 'vertical' and 'diagonal'.

    Raises:
        ConfigError: If there is none.
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


def together(
    model: nn.Module, others: Sequence[nn.Module], flips: Sequence[str]
) -> nn.Module:
    """Return a model as it is, or an ensemble where there is more.

    Args:
        model (nn.Module): The first model.
        others (Sequence[nn.Module]): Further ones.
        flips (Sequence[str]): Of :func:`trained_flips`, or none.
    """
    return EnsembleModel(model, others, flips) if others or flips else model


class EnsembleHook(Hook):
    """Test several models as one, once the first has its weights.

    As MMEngine's ``PrepareTTAHook``.

    Args:
        checkpoints (Sequence[str]): Of the further models.
        flips (Sequence[str]): Of :func:`trained_flips`, or none.
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
        """Put the ensemble in the model's place."""
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
