"""The frame all breasts are brought to: cropped, chest wall on the left.

Coordinates are continuous pixels: pixel ``k`` covers ``[k, k + 1)``, so a mirrored
``x`` is ``width - x`` and a resized one ``x * scale``.
"""
from dataclasses import asdict, dataclass
from typing import Tuple

import numpy as np

from .breast_mask import breast_mask, breast_side, mask_bbox

# below this share of the image a mask is a failure, not a breast
SMALLEST_BREAST = 0.02


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map points by a homography.

    Args:
        points (np.ndarray): (..., 2) as (x, y).
        matrix (np.ndarray): (3, 3).

    Returns:
        np.ndarray: (..., 2) float64.
    """
    points = np.asarray(points, float)
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def opencv_affine(matrix: np.ndarray) -> np.ndarray:
    """Return an affine map of continuous pixels as ``cv2.warpAffine`` takes it.

    OpenCV counts from the middles of pixels.

    Args:
        matrix (np.ndarray): (3, 3).

    Returns:
        np.ndarray: (2, 3).
    """
    to_middles = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return (np.linalg.inv(to_middles) @ matrix @ to_middles)[:2]


def transform_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map boxes by a homography and box them in again.

    Args:
        boxes (np.ndarray): (N, 4) as (x1, y1, x2, y2).
        matrix (np.ndarray): (3, 3).

    Returns:
        np.ndarray: (N, 4) float64; exact for flips, crops and scalings.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    corners = transform_points(
        boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


@dataclass(frozen=True)
class CanonicalFrame:
    """A crop of the source image, mirrored when the chest wall was on the right.

    Attributes:
        source_width, source_height (int): Size of the file's image in pixels.
        crop (tuple[int]): (x1, y1, x2, y2) in source pixels.
        flipped (bool): Whether the crop was mirrored left to right.
        found (bool): False if a breast was looked for and none was told from the
            background; the crop is the whole image then.
    """
    source_width: int
    source_height: int
    crop: Tuple[int, int, int, int]
    flipped: bool
    found: bool = True

    @classmethod
    def of(cls, pixels: np.ndarray, margin: int = 0) -> 'CanonicalFrame':
        """Find the frame of a mammogram; the whole image when no breast is found.

        Args:
            pixels (np.ndarray): (H, W), tissue bright.
            margin (int): Pixels kept around the breast.
        """
        height, width = pixels.shape
        mask = breast_mask(pixels)
        if mask.mean() < SMALLEST_BREAST:
            return cls(width, height, (0, 0, width, height), False, found=False)
        return cls(width, height, mask_bbox(mask, margin),
                   breast_side(mask) == 'right')

    @classmethod
    def from_dict(cls, values: dict) -> 'CanonicalFrame':
        """Rebuild a frame from :meth:`to_dict`."""
        return cls(**{**values, 'crop': tuple(values['crop'])})

    def to_dict(self) -> dict:
        """Return a JSON-serialisable form."""
        return asdict(self)

    @property
    def shape(self) -> Tuple[int, int]:
        """tuple[int]: (height, width) of the canonical image."""
        x1, y1, x2, y2 = self.crop
        return y2 - y1, x2 - x1

    @property
    def matrix(self) -> np.ndarray:
        """np.ndarray: (3, 3) homography from source to canonical pixels."""
        x1, y1, x2, _ = self.crop
        if self.flipped:
            return np.array([[-1., 0, x2], [0, 1, -y1], [0, 0, 1]])
        return np.array([[1., 0, -x1], [0, 1, -y1], [0, 0, 1]])

    @property
    def inverse(self) -> np.ndarray:
        """np.ndarray: (3, 3) homography from canonical to source pixels."""
        return np.linalg.inv(self.matrix)

    def image_to_canonical(self, image: np.ndarray) -> np.ndarray:
        """Crop and orient an image or mask.

        Args:
            image (np.ndarray): (source_height, source_width, ...).

        Raises:
            ValueError: If the size is not that of the source.
        """
        if image.shape[:2] != (self.source_height, self.source_width):
            raise ValueError(
                f'image is {image.shape[0]} x {image.shape[1]} (h x w), the frame '
                f'expects {self.source_height} x {self.source_width}')
        x1, y1, x2, y2 = self.crop
        part = image[y1:y2, x1:x2]
        return part[:, ::-1] if self.flipped else part

    def image_to_source(self, image: np.ndarray, fill: float = 0) -> np.ndarray:
        """Put a canonical image or mask back into the source's frame.

        Args:
            image (np.ndarray): (height, width, ...) of :attr:`shape`.
            fill (float): Value outside the crop.
        """
        if image.shape[:2] != self.shape:
            raise ValueError(f'image is {image.shape[:2]}, expected {self.shape}')
        x1, y1, x2, y2 = self.crop
        whole = np.full((self.source_height, self.source_width)
                        + image.shape[2:], fill, image.dtype)
        whole[y1:y2, x1:x2] = image[:, ::-1] if self.flipped else image
        return whole
