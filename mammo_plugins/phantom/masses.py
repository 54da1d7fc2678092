"""Three-dimensional masses: lobulated, irregular and spiculated."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from mammo_plugins.phantom.anatomy import splat
from mammo_plugins.phantom.geometry import ViewGeometry

MASK_THRESHOLD = 0.15
"""A pixel is of the lesion where the ray through the lesion alone is longer
than this share of the longest one. Spicules thinner than that stay outside."""
_ROWS = 4096  # rows of a product that OpenBLAS computes in one thread


@dataclass
class Mass:
    """A mass, represented by points that fill it.

    Args:
        points: (N, 3) positions in breast coordinates, mm.
        volume: (N,) volume that each point represents, mm^3.
    """

    points: np.ndarray
    volume: np.ndarray

    def project(self, geometry: ViewGeometry) -> np.ndarray:
        """Path length through the mass alone, (height, width) float32, mm.

        A mass is stiff: compression moves it, and scales its outline with the view, but
        does not flatten it like soft tissue.
        """
        return splat(
            geometry.project(self.points), self.volume, geometry.size
        ) / np.float32(geometry.pixel_mm**2)


def mass_mask(path: np.ndarray) -> np.ndarray:
    """Return the pixels of a mass, (H, W) bool, from its path length alone."""
    return path > max(MASK_THRESHOLD * float(path.max()), 1e-6)


def mask_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box (x1, y1, x2, y2) around a mask; pixel k covers [k, k + 1)."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _directions(rng: np.random.Generator, n: int) -> np.ndarray:
    vectors = rng.normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _grid(radius: float, voxel: float) -> np.ndarray:
    axis = np.arange(-radius, radius + voxel, voxel, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), -1).reshape(-1, 3)


def _filled(
    rng: np.random.Generator,
    points: np.ndarray,
    depth_in: np.ndarray,
    softness: float,
    voxel: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the points inside a surface with a soft edge of ``softness`` mm."""
    share = expit(depth_in / softness)
    keep = share > 0.02
    points, share = points[keep], share[keep]
    # jitter the lattice, which would alias with the pixels
    points += voxel * (rng.random(points.shape, np.float32) - np.float32(0.5))
    # a mass is not uniform inside
    grain = _ripple(rng, points, (0.3, 1.2), 20)
    return points, share * np.clip(1 + 0.16 * grain, 0, None) * voxel**3


def _ripple(
    rng: np.random.Generator,
    points: np.ndarray,
    frequency: tuple[float, float],
    waves: int,
) -> np.ndarray:
    """Evaluate random plane waves at points, with zero mean and unit variance."""
    axes = _directions(rng, waves) * rng.uniform(*frequency, (waves, 1))
    phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)
    axes = axes.astype(np.float32).T
    total = np.empty(len(points), np.float32)
    for at in range(0, len(points), _ROWS):
        rows = slice(at, at + _ROWS)
        total[rows] = np.cos(points[rows] @ axes + phase).sum(1)
    return total / np.float32(np.sqrt(0.5 * waves))


def lobulated_mass(
    rng: np.random.Generator, centre: np.ndarray, diameter: float, pixel_mm: float
) -> Mass:
    """Create a circumscribed mass: a few smooth lobes with a sharp margin.

    Args:
        rng: Source of randomness.
        centre: (3,) position in breast coordinates, mm.
        diameter: Largest diameter in mm.
        pixel_mm: Side of a pixel in mm; sets the sampling.
    """
    voxel = 0.6 * pixel_mm
    radius = 0.5 * diameter
    lobes = rng.integers(2, 6)
    centres = _directions(rng, lobes) * radius * rng.uniform(0.25, 0.5, (lobes, 1))
    centres = np.concatenate([np.zeros((1, 3)), centres])
    reach = np.linalg.norm(centres, axis=1)
    sizes = np.minimum(radius - reach, radius * rng.uniform(0.5, 0.78, lobes + 1))
    points = _grid(radius, voxel)
    depth_in = np.full(len(points), -np.inf, np.float32)
    for lobe, size in zip(centres.astype(np.float32), sizes):
        distance = np.sqrt(((points - lobe) ** 2).sum(1))
        depth_in = np.maximum(depth_in, size - distance)
    inside, volume = _filled(rng, points, depth_in, 0.12, voxel)
    return Mass(inside + centre, volume)


def irregular_mass(
    rng: np.random.Generator,
    centre: np.ndarray,
    diameter: float,
    pixel_mm: float,
    irregularity: float,
    softness: float,
) -> Mass:
    """Create a mass with an uneven, indistinct margin.

    Args:
        rng, centre, diameter, pixel_mm: As in :func:`lobulated_mass`.
        irregularity: Standard deviation of the radius relative to its mean.
        softness: Width of the margin relative to the radius.
    """
    voxel = 0.6 * pixel_mm
    radius = 0.5 * diameter
    points = _grid(1.3 * radius, voxel)
    distance = np.sqrt((points**2).sum(1))
    unit = points / np.maximum(distance, 1e-3)[:, None]
    surface = radius * (0.88 + irregularity * _ripple(rng, unit, (2.5, 6), 8))
    inside, volume = _filled(rng, points, surface - distance, softness * radius, voxel)
    return Mass(inside + centre, volume)


def spiculated_mass(
    rng: np.random.Generator,
    centre: np.ndarray,
    diameter: float,
    pixel_mm: float,
    spiculation: float,
) -> Mass:
    """Create an irregular core with radiating, tapering spicules.

    Args:
        rng, centre, diameter, pixel_mm: As in :func:`lobulated_mass`.
        spiculation: 0 (few and short spicules) to 1 (many and long).
    """
    core = irregular_mass(
        rng, centre, diameter, pixel_mm, 0.09 + 0.07 * spiculation, 0.06
    )
    radius = 0.5 * diameter
    n = int(12 + 22 * spiculation + rng.integers(0, 5))
    heading = _directions(rng, n)
    length = (2 + radius * (0.4 + 0.7 * spiculation)) * rng.uniform(0.5, 1.5, n)
    width = rng.uniform(0.13, 0.25, n) * diameter**0.5
    step = 0.5 * pixel_mm
    t = (np.arange(1, int(np.ceil(length.max() / step)) + 1) * step)[:, None]
    bend = rng.normal(0, 0.18, (n, 3)) / length[:, None]
    points = heading * (0.75 * radius + t[..., None]) + bend * t[..., None] ** 2
    taper = 1 - t / length
    area = np.pi * (width * np.clip(taper, 0, 1) ** 0.7) ** 2 * step
    keep = taper > 0
    return Mass(
        np.concatenate([core.points, points[keep] + centre]),
        np.concatenate([core.volume, area[keep]]),
    )
