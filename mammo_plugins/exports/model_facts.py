"""The model behind predictions, as text."""

from collections.abc import Mapping
from typing import Any

_KEYS = ('config', 'checkpoint', 'ensemble', 'tta', 'precision')


def model_facts(info: Mapping[str, Any], *more: str) -> dict[str, str]:
    """Return what ``info`` of predictions states of the model.

    Args:
        info (dict): ``info`` of the predictions.
        *more (str): Further keys.

    Returns:
        dict[str, str]: Config, checkpoint, all further checkpoints of an ensemble,
            flips and precision, as far as they are stated.
    """
    found = {key: info[key] for key in (*_KEYS, *more) if info.get(key) is not None}
    return {
        key: ', '.join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in found.items()
    }
