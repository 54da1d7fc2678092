"""Changes of size."""
from mmdet.datasets.transforms import Resize

from mammo_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeWithin(Resize):
    """Shrink an image that is too large, keeping its aspect; never enlarge one.

    mmdet's ``Resize(keep_ratio=True)`` also enlarges, so that a small breast,
    cropped, would be shown at another scale than a large one. MommiNet-v2
    (section 4) works at most at 3000 x 1500.

    Keys as in :class:`mmdet.datasets.transforms.Resize`.

    Args:
        max_height (int): Largest height in pixels. Defaults to 3000.
        max_width (int): Largest width in pixels. Defaults to 1500.
        interpolation (str): As in ``Resize``. Defaults to 'area', which does not
            alias when shrinking.
    """

    def __init__(self,
                 max_height: int = 3000,
                 max_width: int = 1500,
                 interpolation: str = 'area') -> None:
        super().__init__(
            scale=(max_width, max_height),
            keep_ratio=False,
            interpolation=interpolation)

    def _resize_img(self, results: dict) -> None:
        """Resize to the largest size that fits."""
        height, width = results['img'].shape[:2]
        factor = min(1., self.scale[0] / width, self.scale[1] / height)
        results['scale'] = (max(1, round(width * factor)),
                            max(1, round(height * factor)))
        super()._resize_img(results)
