"""Images of a batch, without its padding."""

from collections.abc import Hashable

from mmdet.structures import DetDataSample
from torch import Tensor


def view_key(sample: DetDataSample) -> Hashable:
    """Return a key that two samples share if, and only if, they show the same pixels.

    An image is the main view of one sample and a partner in others. If the keys are
    equal, so are the features. Random changes of grey values and registration onto
    another view change the key.

    Args:
        sample (DetDataSample): Sample of one view, with ``img_shape`` and
            ``fingerprint`` from :class:`PackExamInputs`.
    """
    return tuple(sample.img_shape[:2]), sample.fingerprint


def own_shape(sample: DetDataSample, divisor: int = 32) -> tuple[int, int]:
    """Return the size of an image without the padding of its batch.

    Args:
        sample (DetDataSample): With ``img_shape``.
        divisor (int): The size is rounded up to multiples of this. Defaults to 32.

    Returns:
        tuple[int]: (height, width).
    """
    height, width = sample.img_shape[:2]
    return (-(-height // divisor) * divisor, -(-width // divisor) * divisor)


def own_image(
    batch: Tensor, row: int, sample: DetDataSample, divisor: int = 32
) -> Tensor:
    """Crop one image from a batch, so that results do not depend on the batch.

    Args:
        batch (Tensor): (n, C, H, W), padded at the bottom and on the right.
        row (int): Index of the image.
        sample (DetDataSample): Its data sample.
        divisor (int): As in :func:`own_shape`.

    Returns:
        Tensor: (1, C, h, w).
    """
    height, width = own_shape(sample, divisor)
    return batch[row : row + 1, :, :height, :width]
