"""Lesions as a segmentation map."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import segmentation_to_mask
from mammo_plugins.structures.segmentation import IGNORED


@TRANSFORMS.register_module()
class DrawLesionMap(BaseTransform):
    """Draw the lesions of a view into a segmentation map.

    A lesion is drawn by its outline if one is annotated, otherwise as the ellipse
    inscribed in its box. The transform comes after ``LoadMammogram`` and before
    resizing; mmdet's transforms keep the map in step.

    Required Keys:

    - img
    - instances (list[dict])

    Added Keys:

    - gt_seg_map (np.ndarray): (H, W) uint8: 1 in lesions, 255 in ignored regions
      (COCO's ``iscrowd``, ``ignored_classes`` of the data set), 0 elsewhere
    """

    def transform(self, results: dict) -> dict:
        """Draw the map, with lesions on top of ignored regions."""
        shape = results['img'].shape[:2]
        drawn = np.zeros(shape, np.uint8)
        for instance in sorted(results['instances'], key=lambda i: -i['ignore_flag']):
            drawn[self._mask(instance, shape)] = (
                IGNORED if instance['ignore_flag'] else 1
            )
        results['gt_seg_map'] = drawn
        return results

    @staticmethod
    def _mask(instance: dict, shape: tuple) -> np.ndarray:
        outline = instance.get('mask')
        if outline:
            return segmentation_to_mask(outline, shape)
        x1, y1, x2, y2 = instance['bbox']
        mask = np.zeros(shape, np.uint8)
        cv2.ellipse(
            mask,
            (
                ((x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2),
                (max(x2 - x1, 1.0), max(y2 - y1, 1.0)),
                0.0,
            ),
            1,
            -1,
        )
        return mask.astype(bool)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
