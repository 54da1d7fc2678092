"""Resizing that averages areas where it shrinks."""

import cv2
import mmcv
import numpy as np
from mmdet.datasets.transforms import Resize as _Resize

from mammo_plugins.registry import TRANSFORMS


def resized(image: np.ndarray, size: tuple[int, int], **enlarging) -> np.ndarray:
    """Resize an image without aliasing.

    Along an axis that shrinks, each new pixel is the mean over its area. OpenCV's
    ``INTER_AREA`` does this only if no axis is enlarged, so axes are enlarged in a
    second step. For factors that are not integers it supports at most four channels, so
    more channels are shrunk four at a time.

    Args:
        image (np.ndarray): (H, W) or (H, W, C), 8 or 16 bits or float.
        size (tuple[int]): (height, width) of the result.
        **enlarging: Arguments of ``mmcv.imresize`` for axes that are enlarged; bilinear
            by default.

    Returns:
        np.ndarray: (height, width) or (height, width, C), of the image's dtype.
    """
    whole = tuple(size) + image.shape[2:]
    smaller = tuple(np.minimum(size, image.shape[:2]).tolist())
    if smaller != image.shape[:2]:
        image = _shrunk(image, smaller)
    if smaller != tuple(size):
        image = mmcv.imresize(image, tuple(size)[::-1], **enlarging)
    return image.reshape(whole)  # OpenCV drops a single channel


def _shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.ndim == 3 and image.shape[2] > 4:
        return np.concatenate(
            [
                _shrunk(image[..., i : i + 4], size).reshape(*size, -1)
                for i in range(0, image.shape[2], 4)
            ],
            axis=2,
        )
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)


@TRANSFORMS.register_module()
class Resize(_Resize):
    """mmdet's ``Resize`` that averages areas where it shrinks.

    The versions of mmdet and mmcv weigh the nearest four pixels, whatever the factor:
    at a paper's size they ignore most pixels of a mammogram and do not reduce noise.
    This one replaces them under the plain name in the scope ``mammo``; elsewhere it is
    ``mammo.Resize``. For :class:`mmcv.transforms.RandomResize`, set
    ``resize_type='mammo.Resize'``.

    Keys as in :class:`mmdet.datasets.transforms.Resize`.

    Args:
        *args: As in mmdet.
        **kwargs: As in mmdet; ``interpolation`` and ``backend`` apply to axes that are
            enlarged.
    """

    def _resize_img(self, results: dict) -> None:
        """Resize to ``results['scale']``, (width, height)."""
        height, width = results['img'].shape[:2]
        size = results['scale']
        if self.keep_ratio:
            size = mmcv.rescale_size((width, height), size)
        results['img'] = resized(
            results['img'],
            size[::-1],
            interpolation=self.interpolation,
            backend=self.backend,
        )
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = size[0] / width, size[1] / height
        results['keep_ratio'] = self.keep_ratio


@TRANSFORMS.register_module()
class ResizeWithin(Resize):
    """Shrink an image that is too large, keeping its aspect ratio; never enlarge.

    ``Resize(keep_ratio=True)`` also enlarges, so that a cropped small breast would have
    another scale than a large one. MommiNet-v2 (section 4) uses images of at most
    3000 x 1500.

    Keys as in :class:`mmdet.datasets.transforms.Resize`.

    Args:
        max_height (int): Maximum height in pixels. Defaults to 3000.
        max_width (int): Maximum width in pixels. Defaults to 1500.
    """

    def __init__(self, max_height: int = 3000, max_width: int = 1500) -> None:
        super().__init__(scale=(max_width, max_height))

    def _resize_img(self, results: dict) -> None:
        """Resize to the largest size that fits."""
        height, width = results['img'].shape[:2]
        factor = min(1.0, self.scale[0] / width, self.scale[1] / height)
        results['scale'] = (
            max(1, round(width * factor)),
            max(1, round(height * factor)),
        )
        super()._resize_img(results)
