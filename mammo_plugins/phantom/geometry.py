"""Outline, thickness and coordinates of a compressed breast in one view.

All geometry describes a left breast: the chest wall is column 0 and depth increases to
the right. The exam mirrors right breasts at the very end.

Breast coordinates are (x, y, z) in mm: x is the depth from the chest wall to
the nipple, y points laterally, z to the head; the nipple is (depth, 0, 0). A view
integrates along the direction rotated by ``angle`` from z in the y-z plane, so that its
in-plane height is ``u = y cos(angle) + z sin(angle)``: 0 for CC, 45 to 60 degrees for
MLO. Depth x is common to both.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from mammo_plugins.phantom.config import PhantomConfig

SKIN_MM = 1.5


@dataclass
class BreastShape:
    """The size of a breast, shared by both views.

    Args:
        depth: Chest wall to nipple in mm.
        radius: Half the height of the uncompressed breast at its base in mm.
        gland_radius: Largest radius of the glandular cone in mm.
    """

    depth: float
    radius: float
    gland_radius: float

    def gland_envelope(self, x: np.ndarray) -> np.ndarray:
        """Radius of the glandular cone at depth ``x`` (mm), in mm."""
        t = np.clip(x / self.depth, 0, 1)
        return self.gland_radius * 1.15 * (1 - t) ** 0.7 * (0.72 + 1.15 * t)


@dataclass
class ViewGeometry:
    """The geometry of a breast in one view.

    Args:
        view: 'CC' or 'MLO'.
        size: Height and width of the image in pixels.
        pixel_mm: Side of a pixel in mm.
        angle: Angle of the projection axis from z, in radians.
        breast_depth: Depth of the breast in breast coordinates, mm.
        depth_scale: Image depth over breast depth.
        height_scale: Image height over in-plane height ``u``.
        tilt: Upward shift per mm of depth behind the nipple.
        nipple_row_mm: Height of the nipple from the image's top, mm.
        nipple_mm: Protrusion of the nipple, mm.
        thickness_mm: Thickness of the compressed breast, mm.
        edge_mm: (height,) depth of the skin line in every row, mm.
        muscle_mm: (height,) depth of the pectoral muscle's edge, mm.
    """

    view: str
    size: tuple[int, int]
    pixel_mm: float
    angle: float
    breast_depth: float
    depth_scale: float
    height_scale: float
    tilt: float
    nipple_row_mm: float
    nipple_mm: float
    thickness_mm: float
    edge_mm: np.ndarray
    muscle_mm: np.ndarray

    @property
    def nipple(self) -> tuple[float, float]:
        """(x, y) of the nipple's tip in pixels."""
        tip = self.breast_depth * self.depth_scale + self.nipple_mm
        return tip / self.pixel_mm, self.nipple_row_mm / self.pixel_mm

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project breast coordinates to pixels.

        Args:
            points: (..., 3) positions (x, y, z) in mm.

        Returns:
            (..., 2) continuous pixel positions (column, row).
        """
        x, y, z = np.moveaxis(np.asarray(points), -1, 0)
        u = y * np.cos(self.angle) + z * np.sin(self.angle)
        row = self.nipple_row_mm - (
            self.height_scale * u + self.tilt * (self.breast_depth - x)
        )
        return np.stack([x * self.depth_scale, row], -1) / self.pixel_mm

    def mask(self) -> np.ndarray:
        """(height, width) bool array, True inside the breast."""
        depth = (np.arange(self.size[1]) + 0.5) * self.pixel_mm
        return depth[None, :] < self.edge_mm[:, None]

    def skin_distance(self, mask: np.ndarray) -> np.ndarray:
        """Distance of every pixel from the skin line in mm, 0 outside."""
        pad = int(0.6 * self.thickness_mm / self.pixel_mm) + 1
        # the chest wall and the cut axillary tail are not skin
        padded = np.pad(mask, ((pad, pad), (pad, 0)), mode='edge')
        padded = np.pad(padded, ((0, 0), (0, 1)))
        distance = ndimage.distance_transform_edt(padded)
        return distance[pad:-pad, pad:-1].astype(np.float32) * self.pixel_mm

    def thickness(self, distance: np.ndarray) -> np.ndarray:
        """Compressed thickness in mm at a distance (mm) from the skin line.

        Flat under the paddle, a half ellipse where the breast bulges freely.
        """
        bulge = 0.42 * self.thickness_mm
        t = np.clip(distance / bulge, 0, 1)
        return self.thickness_mm * np.sqrt(1 - (1 - t) ** 2)

    def muscle_fraction(self) -> np.ndarray:
        """(height, width) share of the thickness that is pectoral muscle."""
        depth = (np.arange(self.size[1]) + 0.5) * self.pixel_mm
        inside = self.muscle_mm[:, None] - depth[None, :]
        step = np.clip(inside / (2 * self.pixel_mm) + 0.5, 0, 1)
        ramp = np.clip(inside / 30, 0, 1)
        return (step * (0.08 + 0.18 * ramp)).astype(np.float32)


def sample_shape(rng: np.random.Generator, config: PhantomConfig) -> BreastShape:
    """Draw a breast size that fits the imaged field."""
    depth = rng.uniform(0.58, 0.85) * config.field_mm[1]
    radius = np.clip(depth * rng.uniform(0.85, 1.1), 55, 90)
    gland_radius = radius * rng.uniform(0.6, 0.78)
    return BreastShape(depth, radius, gland_radius)


def _rows_mm(config: PhantomConfig) -> np.ndarray:
    return (np.arange(config.size[0]) + 0.5) * config.pixel_mm


def _nipple_bump(
    rows: np.ndarray, row: float, height: float, width: float
) -> np.ndarray:
    """A nipple in profile: flat-topped, with a soft areola around it."""
    h = np.abs(rows - row)
    return height * (
        0.8 * np.exp(-((h / width) ** 4)) + 0.2 * np.exp(-((h / (2.4 * width)) ** 2))
    )


def cc_geometry(
    rng: np.random.Generator, config: PhantomConfig, shape: BreastShape
) -> ViewGeometry:
    """Draw a craniocaudal view: a D, sometimes with a sliver of muscle."""
    rows = _rows_mm(config)
    scale = rng.uniform(0.96, 1.04)
    nipple_row = 0.52 * config.field_mm[0] + rng.uniform(-9, 9)
    depth = shape.depth * scale
    nipple_mm = rng.uniform(2, 5)
    # the lateral half is longer, and drawn out towards the axilla
    upper = shape.radius * rng.uniform(1.02, 1.2)
    lower = shape.radius * rng.uniform(0.9, 1.05)
    h = rows - nipple_row
    power = np.where(h < 0, rng.uniform(1.6, 2.1), rng.uniform(1.9, 2.3))
    t = np.abs(h) / np.where(h < 0, upper, lower)
    edge = depth * np.clip(1 - t**power, 0, None) ** (1 / rng.uniform(1.8, 2.2))
    bump = _nipple_bump(rows, nipple_row, nipple_mm, rng.uniform(3.2, 4.6))
    muscle = np.full_like(rows, -1.0)
    if rng.random() < 0.2:
        centre = nipple_row + rng.uniform(-15, 15)
        muscle = rng.uniform(5, 11) - ((rows - centre) / 18) ** 2
    return ViewGeometry(
        'CC',
        config.size,
        config.pixel_mm,
        0.0,
        shape.depth,
        scale,
        rng.uniform(0.97, 1.05),
        rng.uniform(-0.05, 0.05),
        nipple_row,
        nipple_mm,
        rng.uniform(42, 62),
        edge + bump,
        muscle,
    )


def mlo_geometry(
    rng: np.random.Generator, config: PhantomConfig, shape: BreastShape
) -> ViewGeometry:
    """Draw a mediolateral oblique view with axillary tail and muscle."""
    rows = _rows_mm(config)
    scale = rng.uniform(0.96, 1.04)
    nipple_row = config.field_mm[0] * rng.uniform(0.58, 0.66)
    depth = shape.depth * scale
    nipple_mm = rng.uniform(2, 5)
    lower = min(
        shape.radius * rng.uniform(0.9, 1.05),
        config.field_mm[0] - nipple_row - rng.uniform(2, 10),
    )
    # the skin runs nearly straight to the axilla and bulges where the breast hangs
    above = np.clip((nipple_row - rows) / nipple_row, 0, 1)
    upper_edge = depth * (
        1 - (1 - rng.uniform(0.55, 0.78)) * above ** rng.uniform(1.5, 2.1)
    )
    below = np.clip((rows - nipple_row) / lower, 0, 1)
    lower_edge = depth * (1 - below ** rng.uniform(1.7, 2.2)) ** rng.uniform(0.55, 0.75)
    edge = np.where(rows < nipple_row, upper_edge, lower_edge)
    bump = _nipple_bump(rows, nipple_row, nipple_mm, rng.uniform(3.2, 4.6))
    at_top = min(rng.uniform(0.36, 0.58) * depth, edge[0] - 12)
    end = nipple_row * rng.uniform(0.7, 1.05)
    muscle = at_top * (1 - np.sign(rows) * (rows / end) ** rng.uniform(0.95, 1.35))
    muscle = muscle + 0.8 * np.sin(rows / rng.uniform(9, 16) + rng.uniform(0, 6))
    return ViewGeometry(
        'MLO',
        config.size,
        config.pixel_mm,
        np.deg2rad(rng.uniform(*config.view_angle_deg)),
        shape.depth,
        scale,
        rng.uniform(0.88, 0.96),
        rng.uniform(0.12, 0.28),
        nipple_row,
        nipple_mm,
        rng.uniform(45, 65),
        edge + bump,
        muscle,
    )


def sample_geometry(
    rng: np.random.Generator, config: PhantomConfig, shape: BreastShape, view: str
) -> ViewGeometry:
    """Draw the compression and position of a breast in one view."""
    return (cc_geometry if view == 'CC' else mlo_geometry)(rng, config, shape)


def recompress(
    rng: np.random.Generator, config: PhantomConfig, geometry: ViewGeometry
) -> ViewGeometry:
    """Draw another positioning of the view of the same breast or its twin.

    Args:
        rng: Source of randomness.
        config: Parameters.
        geometry: The view to vary.
    """
    depth, height = rng.uniform(0.96, 1.04), rng.uniform(0.96, 1.04)
    shift = rng.uniform(-6, 6)
    rows, row = _rows_mm(config), geometry.nipple_row_mm
    source = (rows - row - shift) / height + row
    angle = geometry.angle
    if angle:
        low, high = np.deg2rad(config.view_angle_deg)
        angle = np.clip(angle + np.deg2rad(rng.uniform(-3, 3)), low, high)
    return replace(
        geometry,
        angle=float(angle),
        depth_scale=geometry.depth_scale * depth,
        height_scale=geometry.height_scale * height,
        nipple_row_mm=row + shift,
        nipple_mm=geometry.nipple_mm * depth,
        thickness_mm=geometry.thickness_mm * rng.uniform(0.95, 1.05),
        edge_mm=depth * _resample(source, rows, geometry.edge_mm),
        muscle_mm=_resample(source, rows, geometry.muscle_mm) * rng.uniform(0.85, 1.15),
    )


def _resample(at: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate linearly, extrapolating in a straight line above the first row."""
    slope = (values[1] - values[0]) / (rows[1] - rows[0])
    return np.interp(at, rows, values) + slope * np.minimum(at - rows[0], 0)
