"""Keep some values in float32 while a model runs in half precision."""

from typing import Any

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import BaseRoIExtractor
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.hooks import RemovableHandle

HALVES = (torch.bfloat16, torch.float16)


def keep_places_in_float32(model: nn.Module) -> list[RemovableHandle]:
    """Let the heads of mmdet compute positions in float32 even under autocast.

    They compute anchors and RoIs in the number format of features. In bfloat16,
    coordinates above 256 are rounded to even numbers, and above 2048 to multiples of
    16. Our own heads already use float32.

    Args:
        model (nn.Module): With any heads, or none.

    Returns:
        list[RemovableHandle]: Handles to undo the change.
    """
    return [
        module.register_forward_hook(_outputs_in_float32)
        if isinstance(module, BaseDenseHead)
        else module.register_forward_pre_hook(_inputs_in_float32)
        for module in model.modules()
        if isinstance(module, (BaseDenseHead, BaseRoIExtractor))
    ]


def _outputs_in_float32(module: nn.Module, inputs: tuple, outputs: Any) -> Any:
    return in_float32(outputs)


def _inputs_in_float32(module: nn.Module, inputs: tuple) -> Any:
    return in_float32(inputs)


def in_float32(values: Any) -> Any:
    """Convert values in half precision to float32.

    Args:
        values (Any): A tensor, a data element (changed in place), or tuples and lists
            of them. Anything else is returned unchanged.
    """
    if torch.is_tensor(values):
        return values.float() if values.dtype in HALVES else values
    if isinstance(values, (list, tuple)):
        return type(values)(map(in_float32, values))
    if isinstance(values, BaseDataElement):
        for name, value in values.items():
            values.set_field(in_float32(value), name)
    return values
