"""X-ray physics: attenuation, Beer-Lambert, quantum noise, the 12-bit image.

Linear attenuation coefficients are those at 20 keV (Johns and Yaffe, Phys. Med.
Biol. 32, 1987, rounded); the beam is monoenergetic and the grid is assumed to remove
scatter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FAT, GLAND, MUSCLE, SKIN = 0.46, 0.80, 0.80, 0.86  # cm^-1
WHITE = 4095  # 12 bits


def line_integral(
    attenuation: Sequence[float], paths_mm: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the sum over materials of attenuation times path length.

    Args:
        attenuation: Linear attenuation of each material in cm^-1.
        paths_mm: Path length through each material in mm, arrays of one shape.

    Returns:
        Dimensionless float32 array.
    """
    total = sum(mu * 0.1 * path for mu, path in zip(attenuation, paths_mm))
    return np.asarray(total, np.float32)


def mean_photons(integral: np.ndarray, entering: float) -> np.ndarray:
    """Return the mean number of photons that a pixel detects (Beer-Lambert).

    Args:
        integral: Line integral of attenuation along each pixel's ray.
        entering: Photons that enter the breast in the area of a pixel.
    """
    return np.float32(entering) * np.exp(-integral)


def quantum_noise(photons: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return photon counts with Poisson variance, in the Gaussian limit.

    The random draw is an argument so that an image and its lesion-free twin
    differ only by the lesion.

    Args:
        photons: Mean number of photons of each pixel (hundreds or more).
        normal: Standard normal numbers of the same shape.

    Returns:
        float32 array of counts, at least 1.
    """
    return np.maximum(photons + np.sqrt(photons) * normal, 1)


@dataclass
class Presentation:
    """A processing unit's pixel-wise conversion of counts to grey values.

    Args:
        low: Value after thickness equalization that is shown as black.
        high: The same for white.
        equalise: Share of the fat-equivalent thickness that is subtracted.
        gamma: Exponent of the grey scale.
    """

    low: float
    high: float
    equalise: float = 0.93
    gamma: float = 1.0

    def equalised(
        self, counts: np.ndarray, entering: float, thickness_mm: np.ndarray
    ) -> np.ndarray:
        """Return the log signal minus the attenuation of the compressed thickness."""
        integral = -np.log(counts / np.float32(entering))
        return integral - np.float32(0.1 * FAT * self.equalise) * thickness_mm

    def __call__(
        self, counts: np.ndarray, entering: float, thickness_mm: np.ndarray
    ) -> np.ndarray:
        """Convert counts to a 12-bit image with bright tissue and black air.

        Args:
            counts: (H, W) photon counts.
            entering: Photons that enter in the area of a pixel.
            thickness_mm: (H, W) compressed thickness.

        Returns:
            (H, W) uint16 array, 0 to 4095.
        """
        value = self.equalised(counts, entering, thickness_mm)
        value = (value - self.low) / (self.high - self.low)
        # a shoulder keeps dense tissue, muscle and skin below white
        grey = np.tanh(1.1 * np.maximum(value, 0) ** self.gamma)
        # pixels with hardly any attenuation are air
        air = np.clip(-np.log(counts / np.float32(entering)) / 0.3, 0, 1)
        return np.rint(WHITE * air * grey).astype(np.uint16)
