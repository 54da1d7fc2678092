"""One image of a batch, without what the batch made of it."""

from collections.abc import Hashable

from mmdet.structures import DetDataSample
from torch import Tensor


def view_key(sample: DetDataSample) -> Hashable:
    """Return what two samples share if, and only if, they show the same pixels.

    An image is the main view of one sample and a partner in others; where its key
    is the same, its features are too. Random changes of grey values, or the
    registration onto another view, make it another image.

    Args:
        sample (DetDataSample): Of one view, with ``img_shape`` and ``fingerprint``
            as :class:`PackExamInputs` makes it.
    """
    return tuple(sample.img_shape[:2]), sample.fingerprint


def own_shape(sample: DetDataSample, divisor: int = 32) -> tuple[int, int]:
    """Return the size of an image without the padding that its batch brought.

    Args:
        sample (DetDataSample): With ``img_shape``.
        divisor (int): The size is rounded up to multiples of it. Defaults to 32.

    Returns:
        tuple[int]: (height, width).
    """
    height, width = sample.img_shape[:2]
    return (-(-height // divisor) * divisor, -(-width // divisor) * divisor)


def own_image(
    batch: Tensor, row: int, sample: DetDataSample, divisor: int = 32
) -> Tensor:
    """Cut one image out of a batch, so that a result does not depend on the batch.

    Args:
        batch (Tensor): (n, C, H, W), padded at the bottom and on the right.
        row (int): Which one.
        sample (DetDataSample): Its data sample.
        divisor (int): As in :func:`own_shape`.

    Returns:
        Tensor: (1, C, h, w).
    """
    height, width = own_shape(sample, divisor)
    return batch[row : row + 1, :, :height, :width]
