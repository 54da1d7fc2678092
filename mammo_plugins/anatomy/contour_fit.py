"""Fit of two skin lines, by an affine map and along rays.

Rays start from a point of the chest wall, at row ``origin``.
"""

import numpy as np
from scipy.optimize import least_squares

ANGLES = np.deg2rad(np.linspace(-90, 90, 361))
RATIOS = 0.6, 1.7  # range of the ratio of both breasts' scales in a woman
_ISOTROPY_WEIGHT = 0.05  # keeps both scales similar
_SHEAR_WEIGHT = 0.1
_STARTS = 0.0, -0.12, 0.12  # offsets of the logarithm of the scale along the chest wall


def radii(line: np.ndarray, origin: float) -> np.ndarray:
    """Return a skin line's distance from a point of the chest wall, by angle.

    Args:
        line (np.ndarray): (N, 2), from top to bottom.
        origin (float): Row of the point.

    Returns:
        np.ndarray: At each of ``ANGLES``; NaN beyond the line's ends.
    """
    from_origin = line - [0, origin]
    angles = np.arctan2(from_origin[:, 1], from_origin[:, 0])
    return np.interp(
        ANGLES,
        np.maximum.accumulate(angles),
        np.hypot(*from_origin.T),
        left=np.nan,
        right=np.nan,
    )


def fill_to_borders(
    stretch: np.ndarray,
    seen: np.ndarray,
    affine: np.ndarray,
    origin: float,
    height: int,
    auxiliary_height: int,
) -> np.ndarray:
    """Limit the stretch of rays that leave the main image to the other image.

    Where the images cut off the breasts, there is no skin line to match, but the
    visible part of one breast must cover that of the other.

    Args:
        stretch (np.ndarray): Stretch by angle.
        seen (np.ndarray): Indices of the angles that meet both skin lines.
        affine (np.ndarray): (2, 3), from auxiliary to main pixels.
        origin (float): Row of the main image that the rays start from.
        height, auxiliary_height (int): Heights of the images.
    """
    stretch = stretch.copy()
    shear = affine[1, 0] / affine[0, 0]
    for part, row, edge in (
        (slice(0, seen[0]), 0, 0),
        (slice(seen[-1] + 1, None), height, auxiliary_height),
    ):
        reaches = affine[1, 1] * edge + affine[1, 2] - origin
        sine, cosine = np.sin(ANGLES[part]), np.cos(ANGLES[part])
        limit = reaches / (row - origin) * sine / (sine - shear * cosine)
        stretch[part] = np.where(
            limit > 0,
            np.minimum(stretch[part], np.maximum(limit, RATIOS[0])),
            stretch[part],
        )
    return stretch


def fit_affine(
    main_line: np.ndarray,
    auxiliary_line: np.ndarray,
    main_point: np.ndarray,
    auxiliary_point: np.ndarray,
    weight: float,
) -> np.ndarray:
    """Fit the affine map of one skin line onto the other.

    It keeps the chest wall in place: x is scaled; y is scaled, sheared and shifted.

    Args:
        main_line, auxiliary_line (np.ndarray): (N, 2), from top to bottom.
        main_point, auxiliary_point (np.ndarray): (2, ), corresponding points.
        weight (float): Weight of their distance relative to that of the skin lines.

    Returns:
        np.ndarray: (2, 3), from auxiliary to main pixels.
    """
    start = np.array([0.0, main_point[1]])
    lengths = radii(main_line, main_point[1])
    seen = np.isfinite(lengths)
    angles, lengths = ANGLES[seen], lengths[seen]
    rays = np.column_stack([np.cos(angles), np.sin(angles)])
    tangent = np.gradient(rays * lengths[:, None], axis=0)
    normals = np.column_stack([tangent[:, 1], -tangent[:, 0]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    depth = main_line[:, 0].max()
    points = auxiliary_line[::2]

    def matrix(parameters: np.ndarray) -> np.ndarray:
        x_scale, y_scale, shift, shear = parameters
        x_scale, y_scale = np.exp(x_scale), np.exp(y_scale)
        return np.array(
            [
                [x_scale, 0.0, 0.0],
                [
                    shear * x_scale,
                    y_scale,
                    main_point[1] + shift - y_scale * auxiliary_point[1],
                ],
            ]
        )

    def residuals(parameters: np.ndarray) -> np.ndarray:
        change = matrix(parameters)
        moved = points @ change[:, :2].T + change[:, 2] - start
        at = np.arctan2(moved[:, 1], moved[:, 0])
        radius, nx, ny = (np.interp(at, angles, v) for v in (lengths, *normals.T))
        apart = (moved[:, 0] - radius * np.cos(at)) * nx + (
            moved[:, 1] - radius * np.sin(at)
        ) * ny
        apart[(at < angles[0]) | (at > angles[-1])] = 0
        apart_points = change[:, :2] @ auxiliary_point + change[:, 2] - main_point
        return np.concatenate(
            [
                apart / depth / np.sqrt(len(points)),
                weight * apart_points / depth,
                [
                    _ISOTROPY_WEIGHT * (parameters[1] - parameters[0]),
                    _SHEAR_WEIGHT * parameters[3],
                ],
            ]
        )

    scale = np.log(depth / auxiliary_line[:, 0].max())
    # long straight skin lines can slide along each other, so there may be several
    # minima
    fitted = min(
        (
            least_squares(
                residuals, [scale, scale / 2 + more, 0, 0], loss='soft_l1', f_scale=0.01
            )
            for more in _STARTS
        ),
        key=lambda fit: fit.cost,
    )
    return matrix(fitted.x)
