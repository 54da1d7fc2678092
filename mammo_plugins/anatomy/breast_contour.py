"""The skin line: the breast's contour without chest wall and image borders.

All functions expect the canonical frame: chest wall on the left, coordinates in
continuous pixels (pixel ``k`` covers ``[k, k + 1)``).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from .breast_mask import WORKING_HEIGHT, breast_mask
from .canonical_frame import SMALLEST_BREAST

_SHALLOWEST = 0.15  # of the depth: less is a strip of chest wall, not breast
_FEWEST_ROWS = 12
_CUT = 0.5  # largest share of rows that reach the image's right border


def shrink(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrink an image to the height at which contours are found.

    Args:
        pixels (np.ndarray): (H, W) grey values.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w) float32 image, and (2, ) factors that map
        its (x, y) to the input's pixels.
    """
    height, width = pixels.shape
    scale = min(1.0, WORKING_HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(
        np.asarray(pixels, np.float32), size, interpolation=cv2.INTER_AREA
    )
    return small, np.array([width / size[0], height / size[1]])


def skin_depth(mask: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return the breast's depth from the left border, row by row.

    Rows where the breast is shallower than 15% of its depth are left out, because film
    shows a strip of chest wall there. So are the outer 2% of the image's rows, which
    may show its border. A running median bridges gaps and specks of a few rows.

    Args:
        mask (np.ndarray): (H, W) bool, chest wall on the left.

    Returns:
        tuple[np.ndarray, int, int]: (H, ) float depth in pixels, and the half-open
        range of rows that the breast occupies (0, 0 if there is none).
    """
    width = mask.shape[1]
    depth = np.where(mask.any(axis=1), width - mask[:, ::-1].argmax(axis=1), 0)
    window = 2 * max(1, len(depth) // 120) + 1
    depth = ndimage.median_filter(depth, window, mode='nearest').astype(float)
    tissue = depth > _SHALLOWEST * depth.max()
    border = len(depth) // 50
    tissue[:border] = tissue[len(depth) - border :] = False
    inside, count = ndimage.label(tissue)
    if count == 0:
        return depth, 0, 0
    # specks above or below the breast are not connected to it
    areas = np.bincount(inside, weights=depth)[1:]
    rows = np.flatnonzero(inside == 1 + areas.argmax())
    return depth, int(rows[0]), int(rows[-1]) + 1


def skin_line(
    mask: np.ndarray, num_points: int = 256, smoothing: float = 0.008
) -> np.ndarray | None:
    """Trace the skin line.

    Args:
        mask (np.ndarray): (H, W) bool, :func:`breast_mask`, chest wall on the left.
        num_points (int): Points on the line. Defaults to 256.
        smoothing (float): Standard deviation of the Gaussian that smooths along
            the line, as a share of its length. Defaults to 0.008.

    Returns:
        np.ndarray or None: (num_points, 2) as (x, y), from top to bottom, evenly
        spaced; ``None`` if there is no breast, or the image's right border cuts off
        most of its contour.
    """
    if mask.mean() < SMALLEST_BREAST:
        return None
    depth, top, bottom = skin_depth(mask)
    if bottom - top < _FEWEST_ROWS or depth[top:bottom].max() < _FEWEST_ROWS / 2:
        return None
    if (depth[top:bottom] >= mask.shape[1]).mean() > _CUT:
        return None
    points = np.column_stack([depth[top:bottom], np.arange(top, bottom) + 0.5])
    even = _spread(points, num_points)
    even = _smooth(even, smoothing * num_points)
    return _spread(even, num_points)


def find_skin_line(pixels: np.ndarray, **kwargs: Any) -> np.ndarray | None:
    """Trace the skin line of a mammogram of any size.

    Args:
        pixels (np.ndarray): (H, W), tissue bright, chest wall on the left.
        **kwargs: As in :func:`skin_line`.

    Returns:
        np.ndarray or None: As :func:`skin_line`, in pixels of ``pixels``.
    """
    small, factors = shrink(pixels)
    line = skin_line(breast_mask(small), **kwargs)
    return None if line is None else line * factors


@dataclass(frozen=True)
class BreastContour:
    """Compact outline of the breast in an image, a few KB.

    Attributes:
        shape (tuple[int]): (H, W) of the image.
        spans (np.ndarray): (h, 2) int16, first column of the breast and first column
            after it, for each row of the image shrunk by :func:`shrink`; 0, 0 in rows
            without breast.
        factors (np.ndarray): (2, ), from (x, y) of the shrunk image to the image's
            pixels.
        line (np.ndarray, optional): (N, 2), the skin line in the image's pixels.
    """

    shape: tuple[int, int]
    spans: np.ndarray
    factors: np.ndarray
    line: np.ndarray | None

    @classmethod
    def of(cls, pixels: np.ndarray) -> 'BreastContour':
        """Find the breast in an image.

        Args:
            pixels (np.ndarray): (H, W), tissue bright, chest wall on the left.
        """
        small, factors = shrink(pixels)
        mask = breast_mask(small)
        line = skin_line(mask)
        first = mask.argmax(axis=1)
        behind = np.where(
            mask.any(axis=1), mask.shape[1] - mask[:, ::-1].argmax(axis=1), 0
        )
        return cls(
            pixels.shape,
            np.stack([first, behind], -1).astype(np.int16),
            factors,
            None if line is None else line * factors,
        )

    @classmethod
    def from_dict(cls, values: dict) -> 'BreastContour':
        """Rebuild a contour from :meth:`to_dict`."""
        line = values['line']
        return cls(
            tuple(values['shape']),
            np.array(values['spans'], np.int16),
            np.array(values['factors']),
            None if line is None else np.array(line),
        )

    def to_dict(self) -> dict:
        """Return a JSON-serializable form."""
        return dict(
            shape=list(self.shape),
            spans=self.spans.tolist(),
            factors=self.factors.tolist(),
            line=None if self.line is None else self.line.tolist(),
        )

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points lie in the breast.

        Args:
            points (np.ndarray): (..., 2) as (x, y) in the image's pixels.

        Returns:
            np.ndarray: (...) bool.
        """
        x, y = np.moveaxis(points, -1, 0)
        first, behind = np.moveaxis(self.spans_at(y), -1, 0)
        return (x >= first) & (x < behind)

    def spans_at(self, rows: np.ndarray) -> np.ndarray:
        """Return the range of the breast in rows of the image.

        Args:
            rows (np.ndarray): (...) y in the image's pixels.

        Returns:
            np.ndarray: (..., 2) x in the image's pixels; 0, 0 in rows without breast
            and outside the image.
        """
        row = np.floor(rows / self.factors[1]).astype(int)
        inside = (row >= 0) & (row < len(self.spans))
        spans = self.spans[row.clip(0, len(self.spans) - 1)] * self.factors[0]
        return np.where(inside[..., None], spans, 0.0)


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Place points evenly along a polyline."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)])
    at = np.linspace(0, along[-1], count)
    return np.column_stack([np.interp(at, along, p) for p in points.T])


def _smooth(points: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth a polyline; point reflection beyond its ends keeps them in place."""
    pad = min(len(points) - 1, int(np.ceil(4 * sigma)))
    before = 2 * points[0] - points[pad:0:-1]
    after = 2 * points[-1] - points[-2 : -2 - pad : -1]
    longer = np.concatenate([before, points, after])
    return ndimage.gaussian_filter1d(longer, sigma, axis=0)[pad : pad + len(points)]
