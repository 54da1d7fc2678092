"""The edge of the pectoral muscle in an MLO view."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .breast_contour import shrink
from .breast_mask import breast_mask

_TOPS = 0.2, 1.0  # of the breast's depth at the top: where the edge may begin
_BOTTOMS = 0.15, 0.95  # of the breast's height: where it may meet the chest wall
_ANGLES = 8, 55  # degrees between edge and chest wall
_CANDIDATES = 48  # number of tops and of bottoms
_SAMPLES = 48  # number on each candidate
_BLUR = 0.008  # of the height
_SKIN = 0.03  # of the height: rim that is left out, because the skin has an edge, too
_BAND = 0.03  # of the height: bands along the edge whose brightness is compared
_WANDER = 0.03  # of the height: largest deviation of the edge from a line
_STEPS = 25  # number of positions across within this deviation
_STIFFNESS = 0.3  # cost of moving across by one step from sample to sample
_LEAST_CONTRAST = 0.25  # in standard deviations of the breast's grey values
_LEAST_CONFIDENCE = 0.25


@dataclass(frozen=True)
class PectoralEdge:
    """Edge between the pectoral muscle and the breast.

    Attributes:
        points (np.ndarray): (N, 2) as (x, y), from the top to the chest wall.
        confidence (float): From 0 to 1, by the visible share of the edge and the
            brightness of the muscle.
    """

    points: np.ndarray
    confidence: float

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points from the muscle.

        Args:
            points (np.ndarray): (..., 2) as (x, y).

        Returns:
            np.ndarray: (...) distances in pixels from the straight line through the
            edge, negative inside the muscle.
        """
        middle = self.points.mean(axis=0)
        along = np.linalg.svd(self.points - middle)[2][0]
        normal = np.array([along[1], -along[0]]) * np.sign(along[1])
        return (np.asarray(points, float) - middle) @ normal


def pectoral_edge(
    pixels: np.ndarray, mask: np.ndarray | None = None
) -> PectoralEdge | None:
    """Find the edge of the pectoral muscle in an MLO view.

    Among all straight lines that cut off the corner between the upper image border and
    the chest wall, it is the one across which the grey values fall most steadily from
    the muscle to the breast. This line is then bent to the steepest fall near it.

    Args:
        pixels (np.ndarray): (H, W) grey values in the canonical frame, chest wall
            on the left.
        mask (np.ndarray, optional): (H, W) bool, its :func:`breast_mask`, if it is
            known.

    Returns:
        PectoralEdge or None: ``None`` if no muscle is visible.
    """
    small, factors = shrink(pixels)
    if mask is None:
        mask = breast_mask(small)
    else:
        mask = cv2.resize(
            mask.astype(np.uint8), small.shape[::-1], interpolation=cv2.INTER_NEAREST
        ).astype(bool)
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) < _SAMPLES:
        return None
    height = len(small)
    levels = np.sqrt(np.clip(small - small[mask].min(), 0, None))
    spread = levels[mask].std()
    if spread == 0:
        return None
    levels = cv2.GaussianBlur(levels / spread, (0, 0), max(1.0, _BLUR * height))
    inner = ndimage.binary_erosion(
        mask, iterations=max(1, round(_SKIN * height)), border_value=1
    )
    fall = _Fall(levels, inner)
    line = _best_line(fall, mask, rows[0], rows[-1])
    if line is None:
        return None
    points, response = _bend(fall, *line, height)
    confidence = _confidence(levels, inner, points, response, height)
    if confidence < _LEAST_CONFIDENCE:
        return None
    return PectoralEdge(points * factors, confidence)


class _Fall:
    """Slope of grey values, relative to the usual slope in the breast.

    Args:
        levels (np.ndarray): (H, W) float32, smooth.
        inside (np.ndarray): (H, W) bool; the slope is 0 elsewhere.
    """

    def __init__(self, levels: np.ndarray, inside: np.ndarray) -> None:
        slopes = [cv2.Sobel(levels, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
        usual = np.hypot(*slopes)[inside].mean() if inside.any() else 1
        self._slopes = [np.where(inside, s / max(usual, 1e-9), 0) for s in slopes]

    def across(self, points: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Return the fall along ``normal`` at (..., 2) points."""
        x, y = np.floor(points).astype(int).transpose(-1, *range(points.ndim - 1))
        height, width = self._slopes[0].shape
        seen = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        at = y.clip(0, height - 1), x.clip(0, width - 1)
        return np.where(
            seen,
            -(
                self._slopes[0][at] * normal[..., 0]
                + self._slopes[1][at] * normal[..., 1]
            ),
            0,
        )


def _normal(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the unit normal of lines, pointing away from the muscle."""
    along = end - start
    normal = np.stack([along[..., 1], -along[..., 0]], -1)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def _best_line(
    fall: _Fall, mask: np.ndarray, first: int, last: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the ends (x, y) of the line with the strongest fall across it, if any."""
    height = last - first + 1
    margin = first + max(1, height // 50)
    depth = mask[margin : margin + height // 10].sum(axis=1).max()
    tops = np.linspace(*_TOPS, _CANDIDATES) * depth
    bottoms = first + np.linspace(*_BOTTOMS, _CANDIDATES) * height
    x, y = (part.ravel() for part in np.meshgrid(tops, bottoms))
    angle = np.degrees(np.arctan2(x, y - first))
    fits = (angle >= _ANGLES[0]) & (angle <= _ANGLES[1])
    x, y = x[fits], y[fits]
    if not len(x):
        return None
    start = np.stack([x, np.full_like(x, first)], -1)
    end = np.stack([np.zeros_like(y), y], -1)
    share = (np.arange(_SAMPLES) + 0.5)[:, None, None] / _SAMPLES
    # prefer steady to steep: one strong step must not make up for gaps
    response = np.tanh(fall.across(start + share * (end - start), _normal(start, end)))
    # a long edge is a muscle's, a short one could be anything
    score = response.mean(axis=0) * np.sqrt(np.hypot(*(end - start).T))
    best = int(score.argmax())
    return start[best], end[best]


def _bend(
    fall: _Fall, start: np.ndarray, end: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Move samples of a line across it to the steepest fall, smoothly.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N, 2) points and (N, ) the fall there.
    """
    normal = _normal(start, end)
    share = (np.arange(_SAMPLES) + 0.5)[:, None] / _SAMPLES
    offsets = np.linspace(-_WANDER, _WANDER, _STEPS) * height
    points = (start + share * (end - start))[:, None] + offsets[:, None] * normal
    slope = fall.across(points, normal)
    gain = np.log1p(np.maximum(slope, 0))
    moves = -_STIFFNESS * np.abs(np.subtract.outer(*[np.arange(_STEPS)] * 2))
    best, came_from = gain[0], []
    for row in gain[1:]:
        total = best[:, None] + moves
        came_from.append(total.argmax(axis=0))
        best = total.max(axis=0) + row
    path = [int(best.argmax())]
    for step in came_from[::-1]:
        path.append(int(step[path[-1]]))
    at = np.arange(_SAMPLES), np.array(path[::-1])
    smooth = ndimage.gaussian_filter1d(points[at], 1.5, axis=0, mode='nearest')
    return smooth, slope[at]


def _confidence(
    levels: np.ndarray,
    inside: np.ndarray,
    points: np.ndarray,
    response: np.ndarray,
    height: int,
) -> float:
    """Return the confidence by the edge's visible share and the muscle's brightness."""
    normal = _normal(points[0], points[-1])
    bands = []
    for side in (-1, 1):
        beside = points + side * _BAND * height * normal
        x, y = np.floor(beside).astype(int).T
        at = y.clip(0, len(levels) - 1), x.clip(0, levels.shape[1] - 1)
        bands.append(np.where(inside[at] & (x >= 0), levels[at], np.nan))
    difference = bands[0] - bands[1]
    known = np.isfinite(difference)
    if known.mean() < 0.4:
        return 0.0
    brighter = (difference[known] > 0).mean()
    contrast = np.median(difference[known])
    seen = (response > 0.2).mean()
    return float(
        np.clip(2 * brighter - 1, 0, 1)
        * np.clip(seen / 0.7, 0, 1)
        * np.clip(contrast / (2 * _LEAST_CONTRAST), 0, 1)
    )
