"""Nipple detection on the skin line, without training or weights."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from .breast_contour import find_skin_line
from .breast_mask import WORKING_HEIGHT
from .pectoral import PectoralEdge, pectoral_edge

_NEAR_TIP = {'CC': 0.92, 'MLO': 0.85}  # of the depth; the breast may hang in an MLO
# share of the skin line's length: an MLO begins at the axilla, far from the nipple
_ALONG = {'CC': (0.15, 0.85), 'MLO': (0.3, 0.9)}
_BASE = 0.03  # of the skin line: wider bumps are the breast's own curve
_BUMP = 1.5  # smallest bump, in thousandths of the skin line
_CLEAR_BUMP = 5.5  # a bump without doubt
_APART = 0.06  # of the skin line: distance from which a bump is another one
_TIP_CONFIDENCE = 0.3  # at most, if the nipple does not bulge
_CUT_CONFIDENCE = 0.1  # at most, if the image cuts off the breast
_BORDER = 1.5e-3  # of the height: the image's last columns
_TOUCHES = 6e-3  # of the height: a nipple this close to them may be cut off
_NEAR = 0.2  # of the height: above and below the nipple
_CHORD = 0.01  # of the height: shortest cut through the breast
_TISSUE = 0.2  # of the breast's level: the breast continues beyond the last column
SURE = 0.5  # confidence from which a nipple is trusted as a landmark


@dataclass(frozen=True)
class Nipple:
    """Position of a nipple and its confidence.

    Attributes:
        x, y (float): Position in pixels.
        confidence (float): From 0 to 1: above 0.3 for a bump of the skin line that
            stands out from others, at most 0.3 for the tip of a breast with the nipple
            not in profile, at most 0.1 if the image cuts off the breast.
        in_profile (bool): Whether the skin line bulges there.
    """

    x: float
    y: float
    confidence: float
    in_profile: bool


def judge_nipple(
    line: np.ndarray, view: str | None = None, pectoral: PectoralEdge | None = None
) -> Nipple:
    """Find the nipple on a skin line, with its confidence.

    The candidates are the points of the line that lie far from the chest wall and from
    the line's ends. The nipple is the middle of the strongest bulge of the line over
    its own smoothed course. If there is no such bulge (nipple not in profile), it is
    the point farthest from the chest wall, or from the pectoral muscle if that is
    visible.

    Args:
        line (np.ndarray): (N, 2), :func:`~mammo_plugins.anatomy.skin_line`.
        view (str, optional): 'CC' or 'MLO'; in an MLO the nipple may lie farther
            from the deepest point. Defaults to ``None``, treated as 'MLO'.
        pectoral (PectoralEdge, optional): The muscle's edge in the same image.

    Returns:
        Nipple: The nipple, in the line's pixels.
    """
    depth = line[:, 0]
    view = view if view in _ALONG else 'MLO'
    first, last = _ALONG[view]
    along = np.linspace(0, 1, len(line))
    central = (along >= first) & (along <= last)
    near_tip = central & (depth >= _NEAR_TIP[view] * depth[central].max())
    bump = _bulge(line)
    # subtract what any curve of this size bulges over its smoothed course
    bump = np.where(near_tip, bump - np.median(bump[near_tip]), -np.inf)
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    bump = bump / (1e-3 * length)
    best = int(bump.argmax())
    if bump[best] > _BUMP:
        x, y = _middle(line, bump, best)
        apart = np.abs(np.arange(len(line)) - best) > _APART * len(line)
        rival = max(0.0, bump[apart].max()) / bump[best]
        clear = min(1.0, (bump[best] - _BUMP) / (_CLEAR_BUMP - _BUMP))
        return Nipple(
            x, y, _TIP_CONFIDENCE + (1 - _TIP_CONFIDENCE) * clear * (1 - rival), True
        )
    far = depth if pectoral is None else pectoral.distance(line)
    far = np.where(near_tip, far, -np.inf)
    best = int(far.argmax())
    # a flat tip is less conclusive
    flat = (depth > 0.97 * depth.max()).mean()
    return Nipple(
        float(line[best, 0]),
        float(line[best, 1]),
        _TIP_CONFIDENCE * max(0.0, 1 - 2 * flat),
        False,
    )


def find_nipple(pixels: np.ndarray, view: str | None = None) -> Nipple | None:
    """Find the nipple of a mammogram without training, with its confidence.

    Args:
        pixels (np.ndarray): (H, W) grey values in the canonical frame, chest wall
            on the left.
        view (str, optional): 'CC' or 'MLO', as in :func:`judge_nipple`. In an MLO the
            pectoral muscle is used if the nipple is not in profile.

    Returns:
        Nipple or None: ``None`` if no skin line is found.
    """
    line = find_skin_line(pixels)
    if line is None:
        return None
    found = judge_nipple(line, view)
    if view == 'MLO' and not found.in_profile:
        found = judge_nipple(line, view, pectoral_edge(pixels))
    return doubt_cut_nipple(pixels, found)


def doubt_cut_nipple(pixels: np.ndarray, nipple: Nipple) -> Nipple:
    """Lower the confidence in a nipple where the image cuts off the breast.

    Args:
        pixels (np.ndarray): (H, W) grey values in the canonical frame.
        nipple (Nipple): Nipple in these pixels.

    Returns:
        Nipple: Confidence of at most 0.1 if the last columns next to it show tissue.
    """
    height, width = pixels.shape
    if nipple.x < width - max(1.0, _TOUCHES * height):
        return nipple
    step = max(1, height // WORKING_HEIGHT)
    background = np.percentile(pixels[::step, ::step], 1)
    reach = round(_NEAR * height)
    rows = pixels[max(0, int(nipple.y) - reach) : int(nipple.y) + reach + 1]
    ends = rows[:, -max(1, round(_BORDER * height)) :].mean(axis=1)
    cut = ends - background > _TISSUE * (np.median(rows[::step, ::step]) - background)
    if cut.sum() < _CHORD * height:
        return nipple
    return replace(nipple, confidence=min(nipple.confidence, _CUT_CONFIDENCE))


def locate_nipple(
    pixels: np.ndarray, view: str | None = None, least_confidence: float = 0.0
) -> tuple[float, float] | None:
    """Find the nipple of a mammogram on the skin line, without training.

    On 24 exams of the built-in phantom (256 x 128, 0.9 mm per pixel) the mean error is
    0.68 mm in CC views (95th percentile 0.97 mm) and 0.66 mm in MLO views (1.01 mm).
    Its nipples are in profile and the skin is never hidden. Expect larger errors in
    real breasts, up to 8 mm in the exams that were tried, and use the confidence of
    :func:`find_nipple`.

    Args:
        pixels (np.ndarray): (H, W) grey values in the canonical frame, chest wall
            on the left.
        view (str, optional): 'CC' or 'MLO', as in :func:`judge_nipple`.
        least_confidence (float): Nipples with less confidence are not returned, see
            :class:`Nipple`. Defaults to 0.

    Returns:
        tuple[float] or None: (x, y) in pixels; ``None`` if no skin line is found or the
        confidence is too low.
    """
    found = find_nipple(pixels, view)
    if found is None or found.confidence < least_confidence:
        return None
    return found.x, found.y


def _bulge(line: np.ndarray) -> np.ndarray:
    """Return the distance of each point outside the line's own smoothed course."""
    base = ndimage.gaussian_filter1d(line, _BASE * len(line), axis=0, mode='nearest')
    tangent = np.gradient(base, axis=0)
    outward = np.column_stack([tangent[:, 1], -tangent[:, 0]])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    return ((line - base) * outward).sum(axis=1)


def _middle(line: np.ndarray, bump: np.ndarray, best: int) -> tuple[float, float]:
    """Return the middle of a bump; broad bumps have no single peak."""
    parts, _ = ndimage.label(bump > 0.5 * bump[best])
    inside = np.flatnonzero(parts == parts[best])
    at = np.average(inside, weights=bump[inside] - 0.5 * bump[best] + 1e-9)
    x, y = (float(np.interp(at, np.arange(len(line)), v)) for v in line.T)
    return x, y
