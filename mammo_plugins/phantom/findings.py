"""Lesions and their mimics, which are added to the normal anatomy."""

from dataclasses import dataclass, field

import numpy as np

from mammo_plugins.phantom.anatomy import GlandVolume
from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.geometry import BreastShape, ViewGeometry
from mammo_plugins.phantom.masses import (
    Mass,
    irregular_mass,
    lobulated_mass,
    spiculated_mass,
)
from mammo_plugins.phantom.physics import FAT, GLAND
from mammo_plugins.structures import LATERALITIES, VIEWS

_BIRADS_STEPS = (
    (0.35, '2'),
    (0.9, '3'),
    (1.5, '4A'),
    (2.1, '4B'),
    (2.7, '4C'),
    (np.inf, '5'),
)


@dataclass
class Finding:
    """A mass in one breast and its attenuation.

    Args:
        kind: 'lesion', 'nodule' (has a twin in the other breast) or 'clump'
            (coincides with another clump in one view).
        laterality: 'R' or 'L'.
        centre: (3,) position in breast coordinates (x, y, z), mm.
        diameter_mm: Largest diameter of the core.
        contrast: Attenuation above the tissue that it displaces, cm^-1.
        mass: Its shape and volume.
        number: Links twins, pairs and a lesion's entries.
        pathology: 'malignant', 'benign', or None for normal structures.
        spiculation: 0 to 1.
        birads: The reader's assessment, None for normal structures.
        coincides_in: View in which a pair of clumps coincides.
    """

    kind: str
    laterality: str
    centre: np.ndarray
    diameter_mm: float
    contrast: float
    mass: Mass = field(repr=False)
    number: int
    pathology: str | None = None
    spiculation: float = 0.0
    birads: str | None = None
    coincides_in: str | None = None


@dataclass
class Breast:
    """One compressed breast: tissue and the geometry of its views.

    Args:
        laterality: 'R' or 'L'.
        shape: Its size.
        gland: Fibroglandular volume.
        geometry: Geometry by view name.
        skin_distance: By view name, see :meth:`ViewGeometry.skin_distance`.
        margins: By view name, (height, width) mm to skin, chest wall and muscle.
    """

    laterality: str
    shape: BreastShape
    gland: GlandVolume
    geometry: dict[str, ViewGeometry]
    skin_distance: dict[str, np.ndarray] = field(init=False, repr=False)
    margins: dict[str, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.skin_distance = {
            view: geometry.skin_distance(geometry.mask())
            for view, geometry in self.geometry.items()
        }
        self.margins = {}
        for view, geometry in self.geometry.items():
            margin = self.skin_distance[view]
            column = (np.arange(geometry.size[1]) + 0.5) * geometry.pixel_mm
            margin = np.minimum(margin, column[None])
            margin[geometry.muscle_fraction() > 0] = 0
            self.margins[view] = margin

    def holds(self, centre: np.ndarray, diameter: float) -> bool:
        """Whether a mass is clear of skin and muscle in every view."""
        for view, geometry in self.geometry.items():
            column, row = np.floor(geometry.project(centre)).astype(int)
            height, width = geometry.size
            if not (0 <= row < height and 0 <= column < width):
                return False
            if self.margins[view][row, column] < 0.55 * diameter + 3:
                return False
        return True


def _centre(rng: np.random.Generator, shape: BreastShape) -> np.ndarray:
    """Draw a position in the glandular cone, uniform in its volume."""
    while True:
        x = shape.depth * rng.uniform(0.1, 0.9)
        y, z = shape.gland_radius * 1.15 * rng.uniform(-1, 1, 2)
        if np.hypot(y, z) < 0.95 * shape.gland_envelope(x):
            return np.array([x, y, z])


def _free(
    centre: np.ndarray, diameter: float, laterality: str, found: list[Finding]
) -> bool:
    return all(
        f.laterality != laterality
        or np.linalg.norm(f.centre - centre) > 0.7 * (diameter + f.diameter_mm)
        for f in found
    )


def sample_diameter(rng: np.random.Generator, config: PhantomConfig) -> float:
    """Draw the largest core diameter in mm; small ones are rarer than medium ones."""
    low, high = config.lesion_diameter_mm
    return float(rng.triangular(low, low + 0.4 * (high - low), high))


def local_contrast(
    breast: Breast,
    centre: np.ndarray,
    diameter: float,
    attenuation: float,
    config: PhantomConfig,
) -> float:
    """Return the attenuation above the displaced tissue, cm^-1."""
    share = breast.gland.local_share(centre, 0.5 * diameter)
    background = FAT + (GLAND - FAT) * share
    return max(attenuation - background, config.lesion_min_contrast)


def read_birads(
    rng: np.random.Generator, malignant: bool, spiculation: float, diameter: float
) -> str:
    """Draw a reader's assessment, which follows margin and size with noise."""
    suspicion = (
        0.5
        + 0.04 * (diameter - 13)
        + (1.2 + 1.2 * spiculation) * malignant
        + rng.normal(0, 0.45)
    )
    return next(name for limit, name in _BIRADS_STEPS if suspicion < limit)


def _place(
    rng: np.random.Generator,
    breasts: list[Breast],
    diameter: float,
    found: list[Finding],
) -> np.ndarray | None:
    """Draw a centre that fits all given breasts; None after many attempts."""
    for _ in range(200):
        centre = _centre(rng, breasts[0].shape)
        if all(
            b.holds(centre, diameter) and _free(centre, diameter, b.laterality, found)
            for b in breasts
        ):
            return centre
    return None


def add_lesion(
    rng: np.random.Generator,
    config: PhantomConfig,
    breasts: dict[str, Breast],
    found: list[Finding],
    number: int,
) -> None:
    """Add one lesion to one breast.

    Place, size and attenuation are drawn before the pathology and do not
    depend on it: only the margin distinguishes benign from malignant.
    """
    breast = breasts[LATERALITIES[rng.integers(2)]]
    diameter = sample_diameter(rng, config)
    centre = _place(rng, [breast], diameter, found)
    while centre is None:
        diameter *= 0.8
        centre = _place(rng, [breast], diameter, found)
    attenuation = rng.uniform(*config.lesion_attenuation)
    malignant = bool(rng.random() < config.malignant_fraction)
    spiculation = float(rng.uniform()) if malignant else 0.0
    if malignant:
        mass = spiculated_mass(rng, centre, diameter, config.pixel_mm, spiculation)
    else:
        mass = lobulated_mass(rng, centre, diameter, config.pixel_mm)
    found.append(
        Finding(
            'lesion',
            breast.laterality,
            centre,
            diameter,
            local_contrast(breast, centre, diameter, attenuation, config),
            mass,
            number,
            'malignant' if malignant else 'benign',
            spiculation,
            read_birads(rng, malignant, spiculation, diameter),
        )
    )


def add_nodule(
    rng: np.random.Generator,
    config: PhantomConfig,
    breasts: dict[str, Breast],
    found: list[Finding],
    number: int,
) -> None:
    """Add a normal dense nodule to both breasts, at mirrored places."""
    diameter = 0.85 * sample_diameter(rng, config)
    attenuation = rng.uniform(*config.lesion_attenuation)
    centre = _place(rng, list(breasts.values()), diameter + 6, found)
    if centre is None:
        return
    smooth = rng.random() < 0.6
    for laterality, breast in breasts.items():
        place = centre + rng.uniform(-3, 3, 3)
        size = diameter * rng.uniform(0.88, 1.12)
        if smooth:
            mass = lobulated_mass(rng, place, size, config.pixel_mm)
        else:
            mass = irregular_mass(rng, place, size, config.pixel_mm, 0.09, 0.06)
        found.append(
            Finding(
                'nodule',
                laterality,
                place,
                size,
                local_contrast(breast, place, size, attenuation, config),
                mass,
                number,
            )
        )


def add_overlap_pair(
    rng: np.random.Generator,
    config: PhantomConfig,
    breast: Breast,
    found: list[Finding],
    number: int,
) -> None:
    """Add two glandular clumps that coincide in one view only.

    Each is too faint to look like a mass, but their sum is not.
    """
    view = VIEWS[rng.integers(2)]
    angle = breast.geometry[view].angle
    ray = np.array([0.0, -np.sin(angle), np.cos(angle)])
    for _ in range(200):
        diameter = rng.uniform(9, 17)
        centre = _centre(rng, breast.shape)
        apart = diameter * rng.uniform(1.7, 2.4)
        places = [centre - 0.5 * apart * ray, centre + 0.5 * apart * ray]
        if all(
            breast.holds(p, diameter)
            and _free(p, 0.7 * diameter, breast.laterality, found)
            for p in places
        ):
            break
    else:
        return
    contrast = rng.uniform(0.1, 0.17)
    for place in places:
        mass = irregular_mass(
            rng, place, diameter * rng.uniform(0.9, 1.1), config.pixel_mm, 0.1, 0.1
        )
        found.append(
            Finding(
                'clump',
                breast.laterality,
                place,
                diameter,
                float(contrast * rng.uniform(0.9, 1.1)),
                mass,
                number,
                coincides_in=view,
            )
        )


def sample_findings(
    rng: np.random.Generator,
    config: PhantomConfig,
    breasts: dict[str, Breast],
    abnormal: bool | None,
) -> list[Finding]:
    """Draw the lesions and the normal mimics of an exam.

    Args:
        rng: Source of randomness.
        config: Parameters.
        breasts: The breasts by laterality.
        abnormal: Whether the exam has a lesion; None draws it by prevalence.

    Returns:
        All findings of both breasts; lesions come first.
    """
    found: list[Finding] = []
    drawn = rng.random() < config.prevalence
    lesions = (1 + int(rng.random() < config.second_lesion)) * int(
        drawn if abnormal is None else abnormal
    )
    for number in range(lesions):
        add_lesion(rng, config, breasts, found, number)
    for number in range(rng.poisson(config.symmetric_nodules)):
        add_nodule(rng, config, breasts, found, number)
    for breast in breasts.values():
        for number in range(rng.poisson(config.overlap_pairs)):
            add_overlap_pair(rng, config, breast, found, number)
    return found
