"""Cut patches out of mammograms."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mammo_plugins.anatomy import opencv_affine, transform_boxes, transform_points
from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import AnnotationError


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def warp_patch(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Sample a square patch, without aliasing where it shrinks.

    Args:
        image (np.ndarray): (H, W) float32.
        matrix (np.ndarray): (3, 3), affine, from continuous pixels of the image to
            those of the patch.
        size (int): Height and width of the patch.

    Returns:
        np.ndarray: (size, size) float32, 0 outside the image.
    """
    height, width = image.shape[:2]
    corners = transform_points(
        [(0, 0), (size, 0), (0, size), (size, size)], np.linalg.inv(matrix)
    )
    # one extra pixel on each side for interpolation
    x1, y1 = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, None)
    x2, y2 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, (width, height))
    if x1 >= x2 or y1 >= y2:
        return np.zeros((size, size), np.float32)
    window = image[y1:y2, x1:x2]
    # shrinking averages pixels; the remaining factor is below two
    scales = np.minimum(np.linalg.norm(matrix[:2, :2], axis=0), 1)
    shape = np.maximum(np.rint((x2 - x1, y2 - y1) * scales), 1).astype(int)
    factors = shape / (x2 - x1, y2 - y1)
    if (factors < 1).any():
        window = cv2.resize(window, shape.tolist(), interpolation=cv2.INTER_AREA)
    # replicate the edge, which would otherwise fade into the black outside
    window = cv2.copyMakeBorder(window, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    to_patch = (
        matrix
        @ _translation(x1, y1)
        @ np.diag([*(1 / factors), 1])
        @ _translation(-1, -1)
    )
    return cv2.warpAffine(
        window,
        opencv_affine(to_patch),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )


@TRANSFORMS.register_module()
class CropPatch(BaseTransform):
    """Cut a patch's box out of a mammogram and resize it to a fixed size.

    MommiNet-v2, section 3.8: 'all image patches are resized to 448 x 448 pixels',
    whatever their size and aspect ratio. Pixels outside the image are black.

    Required Keys:

    - img (np.ndarray): (H, W) float32
    - patch_box (Sequence[float]): (x1, y1, x2, y2) in pixels of the file
    - homography_matrix (np.ndarray): (3, 3) from the file to ``img``

    Modified Keys:

    - img: (size, size)
    - img_shape
    - homography_matrix: from the file to the patch

    Args:
        size (int): Height and width of the patch. Defaults to 448.
        context (float): Factor by which the box is enlarged about its centre. Defaults
            to 1, the box itself.
    """

    def __init__(self, size: int = 448, context: float = 1.0) -> None:
        if size < 1 or context <= 0:
            raise ValueError(
                f'CropPatch: size {size} and context {context} must be positive'
            )
        self.size = size
        self.context = context

    def _matrix(self, box: np.ndarray) -> np.ndarray:
        """Return the (3, 3) map from pixels of the image to those of the patch."""
        centre = (box[:2] + box[2:]) / 2
        scale = self.size / (self.context * (box[2:] - box[:2]))
        return (
            _translation(self.size / 2, self.size / 2)
            @ np.diag([*scale, 1])
            @ _translation(*-centre)
        )

    def transform(self, results: dict) -> dict | None:
        """Cut the patch.

        Raises:
            AnnotationError: If the box lies entirely outside the image.
        """
        image = results['img']
        height, width = image.shape[:2]
        (box,) = transform_boxes(results['patch_box'], results['homography_matrix'])
        inside = np.minimum(box[2:], (width, height)) - np.maximum(box[:2], 0)
        if inside.min() <= 0:
            return self._give_up(results)
        matrix = self._matrix(box)
        results['img'] = warp_patch(image, matrix, self.size)
        results['img_shape'] = results['img'].shape
        results['homography_matrix'] = (matrix @ results['homography_matrix']).astype(
            np.float32
        )
        return results

    def _give_up(self, results: dict) -> dict | None:
        box = [round(float(value), 1) for value in results['patch_box']]
        raise AnnotationError(
            f'{results.get("img_path")}: the box {box} has no pixel in the image as '
            'it was loaded, cropped to the breast; check the annotation with '
            'mammo verify --check-pixels, or set crop=False of '
            'LoadMammogram'
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, context={self.context})'


@TRANSFORMS.register_module()
class RandomCropPatch(CropPatch):
    """Cut a box that is randomly rotated, scaled, sheared and shifted.

    The random affine transformation of MommiNet-v2, section 3.8, whose ranges the
    paper does not state. It acts before the cut, so that corners show tissue and are
    not black. If the box lies entirely outside the image, training continues with
    another sample, as for detectors after ``FilterAnnotations``.

    Keys as in :class:`CropPatch`.

    Args:
        size, context: As in :class:`CropPatch`.
        max_rotate_degree (float): Maximum angle in either direction. Defaults to 15.
        max_translate_ratio (float): Maximum shift in either direction, as a share of
            the patch. Defaults to 0.1.
        scaling_ratio_range (tuple[float]): Defaults to (0.9, 1.1).
        max_shear_degree (float): Maximum shear in either direction. Defaults to 5.
    """

    def __init__(
        self,
        size: int = 448,
        context: float = 1.0,
        max_rotate_degree: float = 15.0,
        max_translate_ratio: float = 0.1,
        scaling_ratio_range: tuple[float, float] = (0.9, 1.1),
        max_shear_degree: float = 5.0,
    ) -> None:
        super().__init__(size, context)
        self.max_rotate_degree = max_rotate_degree
        self.max_translate_ratio = max_translate_ratio
        self.scaling_ratio_range = tuple(scaling_ratio_range)
        self.max_shear_degree = max_shear_degree

    @cache_randomness
    def _draw(self) -> np.ndarray:
        """Return a (3, 3) affine map about the centre, in units of a patch."""
        angle, shear = np.radians(
            np.random.uniform(-1, 1, 2)
            * (self.max_rotate_degree, self.max_shear_degree)
        )
        scale = np.random.uniform(*self.scaling_ratio_range)
        shift = np.random.uniform(-1, 1, 2) * self.max_translate_ratio
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        matrix = _translation(*shift)
        matrix[:2, :2] = scale * turn @ [[1, np.tan(shear)], [0, 1]]
        return matrix

    def _matrix(self, box: np.ndarray) -> np.ndarray:
        centre, unit = self.size / 2, np.diag([self.size, self.size, 1.0])
        change = (
            _translation(centre, centre)
            @ unit
            @ self._draw()
            @ np.linalg.inv(unit)
            @ _translation(-centre, -centre)
        )
        return change @ super()._matrix(box)

    def _give_up(self, results: dict) -> dict | None:
        return None

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, '
            f'context={self.context}, '
            f'max_rotate_degree={self.max_rotate_degree}, '
            f'max_translate_ratio={self.max_translate_ratio}, '
            f'scaling_ratio_range={self.scaling_ratio_range}, '
            f'max_shear_degree={self.max_shear_degree})'
        )
