"""The 3-D breast: fibroglandular volume, and curves such as ducts.

Fat fills the rest of the breast; the volume contains the share of fibroglandular tissue
of every voxel, in breast coordinates (see ``geometry``), stored as (z, x, y).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import expit

from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.fields import power_law_field
from mammo_plugins.phantom.geometry import BreastShape, ViewGeometry

# glandular share of the glandular cone's volume, by BI-RADS density
GLAND_SHARE = {
    'A': (0.05, 0.10),
    'B': (0.14, 0.26),
    'C': (0.36, 0.52),
    'D': (0.62, 0.80),
}
# squared distance from the axis, relative to the cone's, where the last lobules end
_ENDS = 1.28
_SLABS = 4  # so many at a time stay in the processor's cache


@dataclass
class GlandVolume:
    """Fibroglandular share of every voxel.

    Args:
        share: (z, x, y) float32 array, 0 to 1.
        voxel_mm: Side of a voxel in mm.
    """

    share: np.ndarray
    voxel_mm: float

    def _centre(self, n: int) -> float:
        return 0.5 * (n - 1)

    def local_share(self, centre: np.ndarray, radius: float) -> float:
        """Mean share in the cube with half side ``radius`` mm at ``centre``."""
        nz, _, ny = self.share.shape
        x, y, z = np.asarray(centre) / self.voxel_mm
        middle = (z + self._centre(nz), x - 0.5, y + self._centre(ny))
        half = radius / self.voxel_mm
        cube = tuple(
            slice(
                int(np.clip(m - half, 0, n - 1)), int(np.clip(m + half, 0, n - 1)) + 1
            )
            for m, n in zip(middle, self.share.shape)
        )
        return float(self.share[cube].mean())

    def _shear_sum(self, angle: float) -> np.ndarray:
        """Sum over lines ``y + z tan(angle) = const``: (x, const) array."""
        nz, nx, ny = self.share.shape
        shift = (np.arange(nz) - self._centre(nz)) * np.tan(angle)
        pad = int(np.ceil(np.abs(shift).max())) + 1
        total = np.zeros((nx, ny + 2 * pad + 1), np.float32)
        for slab, s in zip(self.share, shift + pad):
            low = int(np.floor(s))
            part = np.float32(s - low)
            total[:, low : low + ny] += (1 - part) * slab
            total[:, low + 1 : low + 1 + ny] += part * slab
        return total

    def project(self, geometry: ViewGeometry, order: int = 3) -> np.ndarray:
        """Uncompressed path length through glandular tissue.

        Args:
            geometry: The view.
            order: Order of the spline that interpolates voxels at pixels.

        Returns:
            (height, width) float32 array in mm.
        """
        cosine = np.cos(geometry.angle)
        flat = self._shear_sum(geometry.angle) * (self.voxel_mm / cosine)
        step_u = self.voxel_mm * cosine
        # pixel (row, column) -> index (x, u), both affine
        pixel = geometry.pixel_mm
        column_to_x = pixel / geometry.depth_scale
        row_to_u = -pixel / geometry.height_scale
        tilt = geometry.tilt / geometry.height_scale
        x0 = 0.5 * column_to_x
        u0 = (geometry.nipple_row_mm - 0.5 * pixel) / geometry.height_scale - tilt * (
            geometry.breast_depth - x0
        )
        matrix = np.array(
            [
                [0.0, column_to_x / self.voxel_mm],
                [row_to_u / step_u, tilt * column_to_x / step_u],
            ]
        )
        offset = (
            x0 / self.voxel_mm - 0.5,
            u0 / step_u + self._centre(flat.shape[1] - 1),
        )
        out = ndimage.affine_transform(
            flat, matrix, offset, geometry.size, np.float32, order, mode='nearest'
        )
        return np.maximum(out, 0)


@dataclass
class Curves:
    """Thin tubes in breast coordinates.

    Args:
        points: (N, 3) samples along all tubes, mm.
        area: (N,) volume that each sample represents, mm^3.
    """

    points: np.ndarray
    area: np.ndarray

    def project(self, geometry: ViewGeometry) -> np.ndarray:
        """(height, width) float32 mean path length in every pixel, mm."""
        return splat(
            geometry.project(self.points), self.area, geometry.size
        ) / np.float32(geometry.pixel_mm**2)


def splat(points: np.ndarray, weight: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Spread point weights bilinearly over the pixels around them.

    Args:
        points: (N, 2) continuous pixel positions (column, row).
        weight: (N,) weights.
        size: Height and width of the output.

    Returns:
        (height, width) float32 array; points outside are dropped.
    """
    height, width = size
    base = np.floor(points - 0.5).astype(int)
    part = points - 0.5 - base
    out = np.zeros(height * width)
    for dx in (0, 1):
        for dy in (0, 1):
            col, row = base[:, 0] + dx, base[:, 1] + dy
            keep = (col >= 0) & (col < width) & (row >= 0) & (row < height)
            share = weight * np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            out += np.bincount(
                row[keep] * width + col[keep], share[keep], height * width
            )
    return out.reshape(size).astype(np.float32)


def _axes(
    config: PhantomConfig, shape: BreastShape
) -> tuple[float, tuple[int, int, int]]:
    voxel = max(1.0, 0.75 * config.pixel_mm)
    half = 1.08 * shape.gland_radius
    n = int(np.ceil(2 * half / voxel / 8)) * 8
    return voxel, (n, int(np.ceil(shape.depth / voxel / 8)) * 8, n)


def shared_fields(
    rng: np.random.Generator, config: PhantomConfig, shape: BreastShape
) -> list[np.ndarray]:
    """Draw the random fields of one side: parenchyma and septa."""
    voxel, grid = _axes(config, shape)
    return [
        power_law_field(
            rng, grid, voxel, config.spectrum_exponent, stretch=(1, 1.5, 1)
        ),
        power_law_field(rng, grid, voxel, 2.6, (0.03, np.inf)),
    ]


def blend(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], correlation: float
) -> list[np.ndarray]:
    """Fields of unit variance with the given correlation to ``first``."""
    a = np.float32(correlation)
    b = np.float32(np.sqrt(1 - correlation**2))
    return [a * x + b * y for x, y in zip(first, second)]


def build_gland(
    fields: Sequence[np.ndarray],
    config: PhantomConfig,
    shape: BreastShape,
    share: float,
    outer_bias: float,
) -> GlandVolume:
    """Turn random fields into fibroglandular tissue.

    Args:
        fields: Parenchyma and septa fields, (z, x, y).
        config: Parameters.
        shape: The breast's size.
        share: Glandular share of the glandular cone.
        outer_bias: How much tissue favours the upper outer quadrant.

    Returns:
        The volume, with septa (Cooper's ligaments) in fat and gland.
    """
    voxel, (nz, nx, ny) = _axes(config, shape)
    z = ((np.arange(nz) - 0.5 * (nz - 1)) * voxel)[:, None, None]
    x = ((np.arange(nx) + 0.5) * voxel)[None, :, None]
    y = ((np.arange(ny) - 0.5 * (ny - 1)) * voxel)[None, None, :]
    z, x, y = (a.astype(np.float32) for a in (z, x, y))
    envelope = np.maximum(shape.gland_envelope(x), 1).astype(np.float32)
    radial = (y**2 + z**2) / envelope**2
    # fat is behind the gland
    behind = 1.6 * np.exp(-x / 13)
    # and more gland above and outside
    outside = outer_bias / shape.gland_radius * (y + z)

    def score(*part: slice) -> np.ndarray:
        return fields[0][part] + (
            1.6 * (1 - radial[part]) - behind[:, part[1]] + outside[part[0], :, part[2]]
        )

    every_third = (slice(None, None, 3),) * 3
    cone = radial[every_third] < 1
    limit = np.quantile(score(*every_third)[cone], 1 - share)
    gland = np.zeros((nz, nx, ny), np.float32)
    for k in range(0, nz, _SLABS):
        part = slice(k, k + _SLABS), slice(None), slice(None)
        at = np.flatnonzero(radial[part] < _ENDS)
        gland[part].reshape(-1)[at] = _mixture(
            *(
                values.ravel()[at]
                for values in (
                    score(*part) - limit,
                    fields[0][part],
                    fields[1][part],
                    radial[part],
                )
            )
        )
    return GlandVolume(gland, voxel)


def _mixture(
    score: np.ndarray, parenchyma: np.ndarray, septa: np.ndarray, radial: np.ndarray
) -> np.ndarray:
    """Fibroglandular share of voxels, (N,) arrays.

    Args:
        score: Above 0 where glandular tissue prevails.
        parenchyma, septa: The random fields.
        radial: Squared distance from the axis, relative to the cone's surface.
    """
    gland = expit(score * np.float32(8.0))
    septa = np.exp(-((septa / np.float32(0.16)) ** 2))
    # lobules bulge into the surrounding fat, and are not dense throughout
    fade = np.clip((1.15 + 0.3 * parenchyma - radial) * 4, 0, 1)
    fade *= np.clip((_ENDS - radial) * 6, 0, 1)  # ends inside the volume
    gland *= 0.45 + 0.55 * expit(1.5 * parenchyma)
    gland = gland * (0.8 + 0.2 * septa) + 0.28 * septa * (1 - gland)
    return gland * fade


def _walk(
    rng: np.random.Generator,
    start: np.ndarray,
    heading: np.ndarray,
    length: np.ndarray,
    wiggle: float,
    step: float,
    radius: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw curves that meander around a heading.

    Args:
        rng: Source of randomness.
        start: (K, 3) first points, mm.
        heading: (K, 3) first directions.
        length: (K,) lengths, mm.
        wiggle: Standard deviation of the turn per square root of mm.
        step: Sample distance, mm.
        radius: (K,) radii at the start; they taper to half.

    Returns:
        (K, M, 3) points, (K, M) volumes (0 beyond the length), and (K, M, 3)
        headings.
    """
    n = int(np.ceil(length.max() / step))
    turn = rng.normal(0, wiggle * np.sqrt(step), (len(start), n, 3))
    direction = heading[:, None] / np.linalg.norm(heading, axis=1)[
        :, None, None
    ] + np.cumsum(turn, 1)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    points = start[:, None] + np.cumsum(direction, 1) * step
    t = (np.arange(n) + 0.5)[None] * step / length[:, None]
    area = np.pi * (radius[:, None] * (1 - 0.5 * t)) ** 2 * step
    return points, np.where(t <= 1, area, 0), direction


def build_curves(
    rng: np.random.Generator, config: PhantomConfig, shape: BreastShape
) -> Curves:
    """Build ducts that converge at the nipple, ligaments and vessels."""
    step = 0.6 * config.pixel_mm
    parts = [
        *_ducts(rng, shape, step),
        _ligaments(rng, shape, step),
        _strands(rng, shape, step),
        _vessels(rng, shape, step),
    ]
    points = np.concatenate([p.reshape(-1, 3) for p, _, _ in parts])
    area = np.concatenate([a.ravel() for _, a, _ in parts])
    keep = (area > 0) & (points[:, 0] > 0) & (points[:, 0] < shape.depth + 3)
    return Curves(points[keep], area[keep])


def _ducts(rng: np.random.Generator, shape: BreastShape, step: float) -> tuple:
    n = rng.integers(9, 15)
    side = rng.normal(0, 0.42, (n, 2))
    heading = np.column_stack([-np.ones(n), side])
    start = np.tile([shape.depth + 1.0, 0.0, 0.0], (n, 1))
    length = shape.depth * rng.uniform(0.35, 0.7, n)
    trunk = _walk(rng, start, heading, length, 0.05, step, rng.uniform(0.5, 0.8, n))
    # branches leave the trunks at random places
    k = 5 * n
    which = rng.integers(0, n, k)
    at = (rng.uniform(0.2, 0.95, k) * length[which] / step).astype(int)
    at = np.minimum(at, trunk[0].shape[1] - 1)
    turn = rng.normal(0, 0.5, (k, 3))
    twigs = _walk(
        rng,
        trunk[0][which, at],
        trunk[2][which, at] + turn,
        rng.uniform(8, 24, k),
        0.09,
        step,
        rng.uniform(0.3, 0.5, k),
    )
    return trunk, twigs


def _ligaments(rng: np.random.Generator, shape: BreastShape, step: float) -> tuple:
    """Cooper's ligaments from the gland's surface forward to the skin."""
    n = rng.integers(70, 110)
    x = shape.depth * rng.uniform(0.05, 0.85, n)
    around = rng.uniform(0, 2 * np.pi, n)
    radius = shape.gland_envelope(x) * rng.uniform(0.75, 1.0, n)
    outward = np.column_stack([np.cos(around), np.sin(around)])
    start = np.column_stack([x, outward * radius[:, None]])
    heading = np.column_stack([rng.uniform(0.2, 1.4, n), outward])
    return _walk(
        rng,
        start,
        heading,
        rng.uniform(10, 32, n),
        0.09,
        step,
        rng.uniform(0.4, 0.75, n),
    )


def _strands(rng: np.random.Generator, shape: BreastShape, step: float) -> tuple:
    """Fibrous strands everywhere, running roughly towards the nipple."""
    n = rng.integers(260, 340)
    x = shape.depth * rng.uniform(0, 0.9, n)
    r = (
        shape.radius
        * np.sqrt(rng.uniform(0, 0.9, n))
        * (1 - (x / shape.depth) ** 2) ** 0.5
    )
    around = rng.uniform(0, 2 * np.pi, n)
    # a third is in the axillary tail
    tail = (np.arange(n) % 3 == 0) * shape.radius * rng.uniform(0.3, 1.4, n)
    y, z = r * np.cos(around) + 0.6 * tail, r * np.sin(around) + 0.8 * tail
    start = np.column_stack([x, y, z])
    heading = np.array([shape.depth, 0, 0]) - start
    heading = heading / np.linalg.norm(heading, axis=1, keepdims=True)
    heading = heading + rng.normal(0, 0.45, (n, 3))
    return _walk(
        rng,
        start,
        heading,
        rng.uniform(10, 45, n),
        0.11,
        step,
        rng.uniform(0.25, 0.6, n),
    )


def _vessels(rng: np.random.Generator, shape: BreastShape, step: float) -> tuple:
    n = rng.integers(2, 6)
    around = rng.uniform(0, 2 * np.pi, n)
    r = shape.radius * rng.uniform(0.5, 0.85, n)
    start = np.column_stack(
        [rng.uniform(0, 15, n), r * np.cos(around), r * np.sin(around)]
    )
    heading = np.array([0.9 * shape.depth, 0, 0]) - start
    return _walk(
        rng,
        start,
        heading,
        shape.depth * rng.uniform(0.5, 0.9, n),
        0.08,
        step,
        rng.uniform(0.7, 1.1, n),
    )
