"""The readers' return types."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mammo_plugins.io.identity import Identity
from mammo_plugins.io.reading_warnings import ReadingWarning


@dataclass(frozen=True)
class MammogramHeader:
    """Facts of a mammogram file, without the patient's identity.

    Attributes:
        laterality (str, optional): 'L' or 'R'; ``None`` if not stated.
        view (str, optional): 'CC', 'MLO' or the code of another view such as
            'ML', 'LM', 'LMO', 'XCCL'; ``None`` if not stated.
        pixel_spacing_mm (tuple[float], optional): Distance of the centres of
            neighbouring rows and of neighbouring columns, in mm.
        header (dict): See :func:`~mammo_plugins.io.dicom_header.header_facts`.
            Every key always exists, with ``None`` if the fact is unknown.
        orientation (tuple[str], optional): PatientOrientation, the directions of rows
            and of columns as 'A', 'P', 'L', 'R', 'H' and 'F' in order of dominance,
            such as ('A', 'FR'). Pixels stay as in the file and are not reoriented.
        warnings (tuple[ReadingWarning]): Faults that did not cost the image.
        identity (Identity): Distinguishes patients, in memory only.
    """

    laterality: str | None = None
    view: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    header: dict[str, Any] = field(default_factory=dict)
    orientation: tuple[str, str] | None = None
    warnings: tuple[ReadingWarning, ...] = ()
    identity: Identity = field(default=Identity(), repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class Mammogram:
    """A mammogram as displayed, and the facts of its header.

    Attributes:
        pixels (np.ndarray): (H, W) float32 in [0, 1], bright tissue on a dark
            background.
        laterality (str, optional): See :class:`MammogramHeader`.
        view (str, optional): See :class:`MammogramHeader`.
        pixel_spacing_mm (tuple[float], optional): See :class:`MammogramHeader`.
        header (dict): See :class:`MammogramHeader`.
        orientation (tuple[str], optional): See :class:`MammogramHeader`.
        warnings (tuple[ReadingWarning]): See :class:`MammogramHeader`; includes those
            of the pixels.
        identity (Identity): See :class:`MammogramHeader`.
    """

    pixels: np.ndarray = field(repr=False)
    laterality: str | None = None
    view: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    header: dict[str, Any] = field(default_factory=dict)
    orientation: tuple[str, str] | None = None
    warnings: tuple[ReadingWarning, ...] = ()
    identity: Identity = field(default=Identity(), repr=False, compare=False)
