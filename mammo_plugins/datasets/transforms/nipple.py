"""The nipple as the target of a keypoint detector."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs
from mmdet.structures.bbox import HorizontalBoxes

from mammo_plugins.registry import TRANSFORMS

from .registration import nipple_in_image


@TRANSFORMS.register_module()
class NippleInstances(BaseTransform):
    """Make the nipple the only instance of an image, in place of lesions.

    It comes after all geometric transforms, which ``homography_matrix`` records.

    Required Keys:

    - img
    - nipple (tuple[float] | None): (x, y) in pixels of the file
    - homography_matrix (np.ndarray): from file pixels to those of ``img``

    Added Keys:

    - gt_bboxes (HorizontalBoxes): (1, 4), a square around the nipple, clipped to the
      image
    - gt_bboxes_labels, gt_ignore_flags (np.ndarray): (1, ), zero
    - gt_keypoints (np.ndarray): (1, 1, 2) float32, (x, y)

    An image whose nipple is unknown or outside is discarded (``None``), so that a
    training data set draws another one. It is better to let ``ExamDataset`` leave such
    images out (``filter_cfg=dict(nipple_sources=...)``).

    Args:
        side (float): Side of the square as a share of the image's height, which after
            ``LoadMammogram`` is that of the breast. Defaults to 0.1.
    """

    def __init__(self, side: float = 0.1) -> None:
        self.side = side

    def transform(self, results: dict) -> dict | None:
        """Set the instance."""
        point = nipple_in_image(results)
        if point is None:
            return None
        point = np.array(point)
        height, width = results['img'].shape[:2]
        if (point < 0).any() or (point > (width, height)).any():
            return None
        half = self.side * height / 2
        box = np.clip(
            np.concatenate([point - half, point + half]),
            0,
            (width, height, width, height),
        )
        results['gt_bboxes'] = HorizontalBoxes(box[None].astype(np.float32))
        results['gt_bboxes_labels'] = np.zeros(1, np.int64)
        results['gt_ignore_flags'] = np.zeros(1, bool)
        results['gt_keypoints'] = point[None, None].astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(side={self.side})'


@TRANSFORMS.register_module()
class PackNippleInputs(PackDetInputs):
    """Pack a view with ``gt_keypoints`` as ``gt_instances.keypoints``.

    Otherwise like :class:`mmdet.datasets.transforms.PackDetInputs`, with metainfo
    ``nipple``, (x, y) in pixels of the network's input or ``None``, as in
    ``PackExamInputs``.

    Args:
        meta_keys (Sequence[str]): As in ``PackDetInputs``.
    """

    mapping_table = {**PackDetInputs.mapping_table, 'gt_keypoints': 'keypoints'}

    def transform(self, results: dict) -> dict:
        """Pack the view."""
        packed = super().transform(results)
        packed['data_samples'].set_metainfo(dict(nipple=nipple_in_image(results)))
        return packed
