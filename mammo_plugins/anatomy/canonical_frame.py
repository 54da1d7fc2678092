"""The canonical frame of all breasts: cropped, chest wall on the left.

Coordinates are continuous pixels: pixel ``k`` covers ``[k, k + 1)``, so a mirrored
``x`` is ``width - x`` and a resized one ``x * scale``.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .breast_mask import breast_mask, breast_side, mask_bbox
from .orientation import (
    Turn,
    contradicts,
    other_breast,
    seems_turned,
    seems_upside_down,
    turn_of,
)

# below this share of the image a mask is a failure, not a breast
SMALLEST_BREAST = 0.02
# a box belongs to the breast if its centre is inside or within this distance, as a
# share of the crop's height: in faint images, the skin line is not more precise
_NEAR = 0.02
_OUTLINE = 0.002  # of the image's height: tolerance of the stored outline


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
    """Convert an affine map of continuous pixels for ``cv2.warpAffine``.

    OpenCV counts from the centres of pixels.

    Args:
        matrix (np.ndarray): (3, 3).

    Returns:
        np.ndarray: (2, 3).
    """
    to_middles = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return (np.linalg.inv(to_middles) @ matrix @ to_middles)[:2]


def transform_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map boxes by a homography and return the bounding boxes of the results.

    Args:
        boxes (np.ndarray): (N, 4) as (x1, y1, x2, y2).
        matrix (np.ndarray): (3, 3).

    Returns:
        np.ndarray: (N, 4) float64; exact for flips, crops and scalings.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    corners = transform_points(
        boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix
    )
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


class _Points(tuple):
    """Points that are not deep-copied with a sample, which each step copies."""

    def __deepcopy__(self, memo: dict) -> '_Points':
        return self


@dataclass(frozen=True)
class CanonicalFrame:
    """Crop of the source image, oriented so that the chest wall is on the left.

    Attributes:
        source_width, source_height (int): Size of the file's image in pixels.
        crop (tuple[int]): (x1, y1, x2, y2) in source pixels.
        flipped (bool): Whether the crop was mirrored left to right, after
            ``transposed``.
        found (bool): False if no breast could be distinguished from the background; the
            crop is then the whole image.
        transposed (bool): Whether rows became columns, as PatientOrientation requires
            for an image that was rotated by 90 degrees.
        upside_down (bool): Whether the crop was mirrored top to bottom.
        doubt (str, optional): Evidence against the orientation of the image.
        outline (tuple[tuple[float]]): Points (x, y) of the breast's outline in source
            pixels; empty if no breast was found or searched for.
        warnings (tuple[tuple[str, str]]): (kind, detail) of problems that were
            tolerated when the file was read.
    """

    source_width: int
    source_height: int
    crop: tuple[int, int, int, int]
    flipped: bool
    found: bool = True
    transposed: bool = False
    upside_down: bool = False
    doubt: str | None = None
    outline: tuple[tuple[float, float], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        pixels: np.ndarray,
        margin: int = 0,
        orientation: tuple[str, str] | None = None,
        laterality: str | None = None,
        view: str | None = None,
    ) -> 'CanonicalFrame':
        """Find the frame of a mammogram; the whole image if no breast is found.

        An orientation is used unless the pixels contradict it. Without one, only the
        side of the chest wall is determined.

        Args:
            pixels (np.ndarray): (H, W), tissue bright.
            margin (int): Pixels kept around the breast.
            orientation (tuple[str], optional), laterality (str, optional), view (str,
                optional): As in :func:`~mammo_plugins.anatomy.turn_of`.
        """
        height, width = pixels.shape
        mask = breast_mask(pixels)
        if mask.mean() < SMALLEST_BREAST:
            return cls(width, height, (0, 0, width, height), False, found=False)
        turn, doubt = _find_turn(mask, orientation, laterality, view)
        return cls(
            width,
            height,
            mask_bbox(mask, margin),
            turn.flipped,
            transposed=turn.transposed,
            upside_down=turn.upside_down,
            doubt=doubt,
            outline=_outline(mask),
        )

    @classmethod
    def from_dict(cls, values: dict) -> 'CanonicalFrame':
        """Rebuild a frame from :meth:`to_dict`."""
        return cls(
            **{
                **values,
                'crop': tuple(values['crop']),
                'outline': tuple(map(tuple, values.get('outline', ()))),
                'warnings': tuple(map(tuple, values.get('warnings', ()))),
            }
        )

    def to_dict(self) -> dict:
        """Return a JSON-serializable form."""
        # fields are immutable, so nothing is copied
        return {**vars(self), 'outline': _Points(self.outline)}

    @property
    def turn(self) -> Turn:
        """Turn: The steps applied to the crop."""
        return Turn(self.transposed, self.flipped, self.upside_down)

    def remarks(self, laterality: str) -> list[str]:
        """Return remarks on the orientation of the image.

        Args:
            laterality (str): 'L' or 'R', as in the exam.
        """
        remarks = []
        turned = self.transposed or self.upside_down
        if self.found and not turned and self.flipped != (laterality == 'R'):
            remarks.append(
                f'laterality {laterality}, but the chest wall is on the '
                f'{"right" if self.flipped else "left"}: the image is mirrored, '
                'or the header is wrong'
            )
        if turned:
            remarks.append('the image was rotated according to PatientOrientation')
        return remarks + ([self.doubt] if self.doubt else [])

    @property
    def shape(self) -> tuple[int, int]:
        """tuple[int]: (height, width) of the canonical image."""
        x1, y1, x2, y2 = self.crop
        return (x2 - x1, y2 - y1) if self.transposed else (y2 - y1, x2 - x1)

    @property
    def matrix(self) -> np.ndarray:
        """np.ndarray: (3, 3) homography from source to canonical pixels."""
        x1, y1, _, _ = self.crop
        height, width = self.shape
        matrix = np.array([[1.0, 0, -x1], [0, 1, -y1], [0, 0, 1]])
        if self.transposed:
            matrix = matrix[[1, 0, 2]]
        if self.flipped:
            matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
        if self.upside_down:
            matrix = np.array([[1.0, 0, 0], [0, -1, height], [0, 0, 1]]) @ matrix
        return matrix

    @property
    def inverse(self) -> np.ndarray:
        """np.ndarray: (3, 3) homography from canonical to source pixels."""
        return np.linalg.inv(self.matrix)

    def inside_breast(self, boxes: np.ndarray) -> np.ndarray:
        """Return which boxes belong to the breast.

        These are boxes with their centre inside its outline, or outside by at most 2%
        of the height of the crop. If no breast was found or searched for, all boxes
        belong to it.

        Args:
            boxes (np.ndarray): (N, 4) as (x1, y1, x2, y2) in canonical pixels.

        Returns:
            np.ndarray: (N,) bool.
        """
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        if not self.outline:
            return np.ones(len(boxes), bool)
        outline = transform_points(np.array(self.outline), self.matrix)
        outline = outline.astype(np.float32)[:, None]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        depths = [
            cv2.pointPolygonTest(outline, tuple(centre), measureDist=True)
            for centre in centres.tolist()
        ]
        return np.array(depths) >= -_NEAR * self.shape[0]

    def image_to_canonical(self, image: np.ndarray) -> np.ndarray:
        """Crop and orient an image or mask.

        Args:
            image (np.ndarray): (source_height, source_width, ...).

        Raises:
            ValueError: If the size differs from that of the source.
        """
        if image.shape[:2] != (self.source_height, self.source_width):
            raise ValueError(
                f'image is {image.shape[0]} x {image.shape[1]} (h x w), the frame '
                f'expects {self.source_height} x {self.source_width}'
            )
        x1, y1, x2, y2 = self.crop
        return self.turn.apply(image[y1:y2, x1:x2])

    def image_to_source(self, image: np.ndarray, fill: float = 0) -> np.ndarray:
        """Put a canonical image or mask back into the source's frame.

        Args:
            image (np.ndarray): (height, width, ...) of :attr:`shape`.
            fill (float): Value outside the crop.
        """
        if image.shape[:2] != self.shape:
            raise ValueError(f'image is {image.shape[:2]}, expected {self.shape}')
        x1, y1, x2, y2 = self.crop
        whole = np.full(
            (self.source_height, self.source_width) + image.shape[2:], fill, image.dtype
        )
        whole[y1:y2, x1:x2] = self.turn.undo(image)
        return whole


def _find_turn(
    mask: np.ndarray,
    orientation: tuple[str, str] | None,
    laterality: str | None,
    view: str | None,
) -> tuple[Turn, str | None]:
    """Return the turn to the canonical frame, and evidence against it."""
    turn = turn_of(orientation, laterality, view)
    if turn is not None and not contradicts(turn, mask, view):
        return turn, (
            f'laterality {laterality}, but PatientOrientation is that of the other '
            'breast'
            if other_breast(orientation, laterality, view)
            else None
        )
    doubt = None
    if seems_turned(mask):
        doubt = 'the chest wall is at the top or the bottom: the image is rotated'
    elif view == 'MLO' and seems_upside_down(mask):
        doubt = 'the breast widens downwards: the MLO is upside down'
    if turn is not None:
        doubt = (
            'the orientation of the breast contradicts PatientOrientation, which '
            'is not applied'
        ) + (f'; {doubt}' if doubt else '')
    elif orientation is not None:
        doubt = (
            'PatientOrientation leaves open how the image is rotated and is not '
            'followed'
        ) + (f'; {doubt}' if doubt else '')
    elif doubt:
        doubt += ', and there is no PatientOrientation'
    return Turn(flipped=breast_side(mask) == 'right'), doubt


def _outline(mask: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return the outline of the largest part of a mask, in continuous pixels."""
    parts, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    part = cv2.approxPolyDP(
        max(parts, key=cv2.contourArea), max(0.5, _OUTLINE * len(mask)), closed=True
    )
    return tuple(map(tuple, (part[:, 0] + 0.5).tolist()))
