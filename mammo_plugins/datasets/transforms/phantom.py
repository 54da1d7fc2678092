"""Transforms for data that only phantoms have."""

import numpy as np
from mmcv.transforms import BaseTransform

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.phantom import read_normal
from mammo_plugins.registry import TRANSFORMS

# share of the range: files have 4,095 steps, and their sigmoid cuts 0.2% at either end
_ROUNDED = 0.0025


@TRANSFORMS.register_module()
class LoadPhantomNormal(BaseTransform):
    """Load a phantom's view without its lesions, for evaluation.

    It comes after ``LoadMammogram``. Later geometric transforms must be inside
    ``WithCleanImage``.

    Required Keys:

    - img_path, img, canonical_frame

    Added Keys:

    - clean_img (np.ndarray): (H, W) float32 in [0, 1]
    - synthetic_mask (np.ndarray): (H, W) float32, 1 where the images differ, else 0

    Raises:
        PhantomFolderError: If the view does not belong to a phantom data set.
    """

    def transform(self, results: dict) -> dict:
        """Load the pixels."""
        frame = CanonicalFrame.from_dict(results['canonical_frame'])
        clean = np.ascontiguousarray(
            frame.image_to_canonical(read_normal(results['img_path']))
        )
        changed = np.abs(clean - results['img']) > _ROUNDED
        results.update(clean_img=clean, synthetic_mask=changed.astype(np.float32))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
