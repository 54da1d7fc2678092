"""One view of a breast: path lengths, line integrals and images."""

from dataclasses import dataclass

import numpy as np

from mammo_plugins.phantom.anatomy import Curves
from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.fields import power_law_field
from mammo_plugins.phantom.findings import Breast, Finding
from mammo_plugins.phantom.geometry import SKIN_MM, ViewGeometry
from mammo_plugins.phantom.physics import FAT, GLAND, MUSCLE, SKIN, line_integral


@dataclass
class Tissue:
    """Path lengths of a view in mm, each (height, width) float32.

    Args:
        thickness: Compressed thickness.
        fat, gland, muscle, skin: Its parts; they sum to the thickness.
    """

    thickness: np.ndarray
    fat: np.ndarray
    gland: np.ndarray
    muscle: np.ndarray
    skin: np.ndarray

    @property
    def equaliser(self) -> np.ndarray:
        """Path length that peripheral equalization uses as the thickness, mm."""
        return self.thickness + 0.6 * self.skin

    def integral(self) -> np.ndarray:
        """Return the line integral of attenuation without findings."""
        return line_integral(
            (FAT, GLAND, MUSCLE, SKIN), (self.fat, self.gland, self.muscle, self.skin)
        )


def _soft_limit(value: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Limit ``value`` smoothly to ``limit``; much smaller values stay unchanged."""
    return value / (1 + (value / np.maximum(limit, 1e-3)) ** 4) ** 0.25 * (limit > 1e-3)


def tissue_paths(
    rng: np.random.Generator,
    breast: Breast,
    curves: Curves,
    view: str,
    config: PhantomConfig,
) -> Tissue:
    """Project a breast's normal tissue.

    Args:
        rng: Source of randomness for structure finer than the volume's voxels.
        breast: The breast.
        curves: Its ducts, ligaments, strands and vessels.
        view: 'CC' or 'MLO'.
        config: Parameters.
    """
    geometry = breast.geometry[view]
    mask = geometry.mask()
    distance = breast.skin_distance[view]
    thickness = geometry.thickness(distance) * mask
    inner = (
        geometry.thickness(np.maximum(distance - SKIN_MM, 0))
        * mask
        * (1 - 2 * SKIN_MM / geometry.thickness_mm)
    )
    # structure finer than a voxel does not correlate between views
    fine = power_law_field(
        rng, geometry.size, geometry.pixel_mm, config.spectrum_exponent, (0.3, np.inf)
    )
    coarse = power_law_field(
        rng, geometry.size, geometry.pixel_mm, config.spectrum_exponent
    )
    muscle = (
        inner
        * geometry.muscle_fraction()
        * np.clip(1 + 0.12 * coarse + 0.05 * fine, 0.5, 1.5)
    )
    room = inner - muscle
    # compression thins soft tissue along the ray
    squeeze = geometry.thickness_mm / (2 * breast.shape.radius)
    gland = breast.gland.project(geometry) * np.float32(squeeze)
    gland = gland * (1 + 0.02 * fine)
    # strands are visible in fat, and are part of the parenchyma elsewhere
    fibres = np.minimum(curves.project(geometry), 4) * np.clip(
        1 - 2 * gland / np.maximum(room, 1), 0.2, 1
    )
    dense = _soft_limit(gland + fibres, 0.92 * room)
    return Tissue(thickness, room - dense, dense, muscle, thickness - inner)


@dataclass
class FindingView:
    """A finding in one view.

    Args:
        finding: The finding.
        path: (height, width) float32 path length through it alone, mm.
    """

    finding: Finding
    path: np.ndarray


def project_findings(
    findings: list[Finding], geometry: ViewGeometry, laterality: str
) -> list[FindingView]:
    """Project each finding of one breast alone."""
    return [
        FindingView(f, f.mass.project(geometry))
        for f in findings
        if f.laterality == laterality
    ]


def add_contrast(
    integral: np.ndarray, shown: list[FindingView], kinds: tuple[str, ...]
) -> np.ndarray:
    """Return the line integral with the findings of some kinds added."""
    for entry in shown:
        if entry.finding.kind in kinds:
            integral = integral + line_integral([entry.finding.contrast], [entry.path])
    return integral


def enhancement(
    tissue: Tissue, shown: list[FindingView], uptake: float, lesion_uptake: dict | None
) -> np.ndarray:
    """Return the dimensionless iodine signal of a recombined image.

    Args:
        tissue: Path lengths.
        shown: The findings in the view.
        uptake: Parenchymal enhancement per mm of glandular tissue.
        lesion_uptake: Enhancement per mm by lesion number; None leaves the
            lesions out.
    """
    signal = uptake * tissue.gland
    for entry in shown:
        if entry.finding.kind != 'lesion':
            signal = signal + uptake * entry.path
        elif lesion_uptake is not None:
            signal = signal + lesion_uptake[entry.finding.number] * entry.path
    return signal.astype(np.float32)
