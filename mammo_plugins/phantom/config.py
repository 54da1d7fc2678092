"""Parameters of the breast phantom."""

from dataclasses import dataclass

from mammo_plugins.structures import DENSITIES


@dataclass(frozen=True)
class PhantomConfig:
    """Everything that determines a phantom exam, besides its seed.

    The defaults make about half of the lesions easy for a small single-view
    detector; the rest are small, hidden in dense tissue, or look like the normal
    nodules and superpositions that only a second view or the other breast distinguishes
    from lesions.

    Args:
        size: Image height and width in pixels. Pixels are square; the smaller of both
            axes' scales covers ``field_mm``. Defaults to (512, 256).
        field_mm: Height and depth of the imaged field in mm.
        density: BI-RADS densities to draw from ('A' to 'D'); a letter that
            occurs more often is drawn more often.
        symmetry: Correlation of the parenchymal random fields of the two
            breasts, 0 to 1. Defaults to 0.8.
        spectrum_exponent: Power spectrum of the parenchyma is
            ``f ** -spectrum_exponent``; 3 is the value measured for
            mammograms (Burgess et al., Med. Phys. 28, 2001).
        view_angle_deg: Range of the angle between the CC and MLO axes.
        prevalence: Probability that an exam has a lesion.
        second_lesion: Probability that an abnormal exam has a second lesion.
        malignant_fraction: Probability that a lesion is malignant.
        lesion_diameter_mm: Range of the lesion's largest core diameter.
        lesion_attenuation: Range of the lesion's linear attenuation in cm^-1.
            Tissue is displaced, so a lesion in dense tissue shows less.
        lesion_min_contrast: Minimum attenuation above the local tissue, cm^-1.
        symmetric_nodules: Mean number (Poisson) of normal dense nodules per exam, each
            at mirrored places in both breasts.
        overlap_pairs: Mean number (Poisson) of pairs of glandular clumps per breast
            that coincide in one view only.
        photons_per_mm2: Photons that enter the breast; sets quantum noise.
        cem: Create low-energy and recombined contrast-enhanced images instead of plain
            ones.
    """

    size: tuple[int, int] = (512, 256)
    field_mm: tuple[float, float] = (230.0, 115.0)
    density: tuple[str, ...] = ('A', 'B', 'B', 'B', 'C', 'C', 'C', 'D')
    symmetry: float = 0.8
    spectrum_exponent: float = 3.0
    view_angle_deg: tuple[float, float] = (45.0, 60.0)
    prevalence: float = 0.6
    second_lesion: float = 0.25
    malignant_fraction: float = 0.5
    lesion_diameter_mm: tuple[float, float] = (5.0, 25.0)
    lesion_attenuation: tuple[float, float] = (0.68, 0.90)
    lesion_min_contrast: float = 0.09
    symmetric_nodules: float = 0.9
    overlap_pairs: float = 0.6
    photons_per_mm2: float = 4e5
    cem: bool = False

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 32:
            raise ValueError(
                f'size: expected (height, width) of at least 32 pixels, got {self.size}'
            )
        unknown = sorted(set(self.density) - set(DENSITIES))
        if unknown or not self.density:
            raise ValueError(
                f'density: expected letters out of {DENSITIES}, got {self.density}'
            )
        for name in ('symmetry', 'prevalence', 'second_lesion', 'malignant_fraction'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f'{name}: expected a value from 0 to 1, got {getattr(self, name)}'
                )

    @property
    def pixel_mm(self) -> float:
        """Side of a (square) pixel in mm."""
        return max(self.field_mm[0] / self.size[0], self.field_mm[1] / self.size[1])
