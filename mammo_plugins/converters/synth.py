"""M-SYNTH and T-SYNTH: simulated mammograms with simulated masses (FDA, CC0).

Both image the same digital breasts, numbered 1 to 300 in each of four densities; only
odd numbers contain a mass. The raw folder, with the archives unpacked in place, at any
depth::

    device_data_VICTREPhantoms_spic_<mass density>/<dose>/<density>/2/<radius>/SIM/
        <folder>.<number>/<number>/projection_DM<number>.mhd, .raw and .loc     M-SYNTH
    segmentation_masks/<density>/2/<radius>/SIM/
        <folder>.<number>/[seg/]<number>/projection_DM<number>.mhd, .raw        M-SYNTH
    device_data_VICTREPhantoms_spic_<mass density>/<density>/2/<radius>/SIM/
        <folder>.<number>/<number>/reconstruction<number>.mhd, .raw and .loc    T-SYNTH

Breast densities are ``fatty, scattered, hetero, dense``, radii 5.0, 7.0 and 9.0 mm,
mass densities 1.0, 1.06 and 1.1 relative to glandular tissue; the dose is a number of
photons. Sources: E. Sizikova et al., NeurIPS 2023 Datasets and Benchmarks; C. Wiedeman
et al., MICCAI Open Data 2025; the loaders in the repositories msynth-release and
tsynth-release of DIDSR, and VICTRE_PIPELINE, which created the images.

Rules are in docs/how_to/datasets/synth.md, files in
:mod:`~mammo_plugins.converters.synth_files`.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mammo_plugins.io import MammogramError
from mammo_plugins.io.errors import Defect
from mammo_plugins.io.image_kind import FULL_FIELD
from mammo_plugins.structures.categories import SYNTH

from .base import Converter
from .raw_folder import RawFolder
from .records import Catalogue, ConversionError, RawLesion, RawView
from .synth_files import (
    Geometry,
    c_view_geometry,
    projection_geometry,
    read_c_view,
    read_lesion_mask,
    read_locations,
    read_projection,
    write_levels,
)

_EXPECTED = (
    'unpacked archives of M-SYNTH or T-SYNTH: '
    'device_data_VICTREPhantoms_spic_<mass density>/.../<density>/2/<radius>/'
    'SIM/... with files projection_DM<number>.mhd or '
    'reconstruction<number>.mhd beside their .raw'
)
_IMAGE = re.compile(r'(projection_DM|reconstruction)(\d+)\.mhd', re.IGNORECASE)
_MASS_DENSITY = re.compile(r'device_data_.*_spic_(\d+(?:\.\d+)?)', re.IGNORECASE)
_DOSE = re.compile(r'\d+(?:\.\d+)?e\+?\d+', re.IGNORECASE)
_RADIUS = re.compile(r'\d+\.\d+')
_BREASTS = dict(fatty='A', scattered='B', hetero='C', dense='D')
# photons at the clinical dose; M-SYNTH has 20, 40, 60, 80 and 100% of it
_FULL_DOSES = dict(fatty=2.22e10, scattered=2.04e10, hetero=1.02e10, dense=8.67e9)
_MASS_TYPE = 2  # VICTRE's number for spiculated masses; negative if one was left out


class _Key(NamedTuple):
    """What distinguishes an image from others of its breast."""

    breast: str
    number: int
    radius: str
    mass_density: str
    dose: str


@dataclass
class SynthView(RawView):
    """A view with the facts needed to create its picture.

    Attributes:
        header (Path): The ``.mhd`` file, relative to the raw folder.
        c_view: Whether it is a synthetic 2-D image of T-SYNTH.
    """

    header: Path = Path()
    c_view: bool = False


class SynthConverter(Converter):
    """Reads M-SYNTH and T-SYNTH; see the module for their files."""

    name = 'M-SYNTH and T-SYNTH'
    categories = SYNTH
    ratios = dict(train=0.666, val=0.167, test=0.167)  # 200, 50 and 50 of 300

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        found = _SynthCatalogue(folder)
        headers = [
            (file, match)
            for file in folder.files
            for match in [_IMAGE.fullmatch(file.name)]
            if match
        ]
        masks = {}
        for file, match in headers:
            if _is_mask(file):
                key = _key(file, int(match[2]))
                masks[key.breast, key.number, key.radius] = file.with_suffix('.raw')
        images = [(file, match) for file, match in headers if not _is_mask(file)]
        if not images:
            raise ConversionError(f'{raw}: no image of the set; expected {_EXPECTED}')
        for file, match in images:
            found.add(file, match[1].lower() == 'reconstruction', int(match[2]), masks)
        found.finish()
        return found

    def prepare(self, raw: Path, view: SynthView, out: Path) -> Path:
        """Write the view as a 16-bit PNG, upright with its chest wall on the left.

        The file of an earlier run is kept if it is newer than its sources.
        """
        file = Path('images') / f'{view.exam_id}.png'
        target, sources = out / file, [raw / view.file, raw / view.header]
        if not (
            target.is_file()
            and target.stat().st_mtime_ns
            > max(source.stat().st_mtime_ns for source in sources)
        ):
            read = read_c_view if view.c_view else read_projection
            write_levels(target, read(raw / view.header), sources[0])
        return file

    def read_mask(self, path: Path, height: int, width: int) -> np.ndarray:
        """Read the mask from a projection that shows only the mass."""
        return read_lesion_mask(path.with_suffix('.mhd'), height, width)


class _SynthCatalogue(Catalogue):
    """A catalogue that is built image by image.

    Args:
        folder (RawFolder): The raw folder.
    """

    def __init__(self, folder: RawFolder) -> None:
        super().__init__(skipped=folder.new_catalogue().skipped)
        self.folder = folder
        self.files = set(folder.files)
        self.outlines: Counter = Counter()
        self.even = 0

    def add(
        self,
        header: Path,
        c_view: bool,
        number: int,
        masks: dict[tuple[str, int, str], Path],
    ) -> None:
        """Add an image, or record why it is left out."""
        key, raw = _key(header, number), header.with_suffix('.raw')
        locations_file = header.with_suffix('.loc')
        mask = None if c_view else masks.get(key[:3])
        if not key.breast:
            self.skip(header, 'image whose folders do not state its breast density')
            return
        if raw not in self.files:
            self.skip(header, 'image without its .raw file')
            return
        located = locations_file in self.files
        if number % 2 and not located and mask is None:
            self.skip(
                header,
                'image of an odd number without its .loc file: so the position '
                'of its mass is unknown',
            )
            return
        try:
            read = c_view_geometry if c_view else projection_geometry
            geometry = read(self.folder.root / header)
            lines = read_locations(self.folder.root / locations_file) if located else []
            kind = 3 if c_view else 2  # in a volume, the slice precedes the type
            centres = [
                geometry.place(*numbers[:2])
                for numbers in lines
                if numbers[kind : kind + 1] in ([], [_MASS_TYPE])
            ]
        except (MammogramError, Defect) as error:
            self.skip(header, 'image that cannot be used', str(error))
            return
        self.even += number % 2 == 0 and located
        lesions = self._lesions(
            key, centres, mask if number % 2 or located else None, geometry
        )
        if lesions is None:
            self.skip(header, 'mass whose radius the folders do not state')
            return
        self.views.append(_view(header, raw, key, c_view, geometry, lesions))

    def _lesions(
        self,
        key: _Key,
        centres: list[tuple[float, float]],
        mask: Path | None,
        geometry: Geometry,
    ) -> list[RawLesion] | None:
        """Return the lesions, ``None`` if their size is unknown."""
        if mask is not None and len(centres) <= 1:
            self.outlines['by a mask'] += 1
            return [RawLesion('mass', mask_file=mask)]
        if centres and not key.radius:
            return None
        self.outlines['as boxes of the radius around a point'] += len(centres)
        half = float(key.radius) / geometry.spacing_mm if centres else 0.0
        return [
            RawLesion('mass', box=(x - half, y - half, x + half, y + half))
            for x, y in centres
        ]

    def finish(self) -> None:
        """Count the files that are not read; add the notes."""
        for file in self.folder.matching(
            r'(.*/)?(projection_DM|reconstruction)\d+\.raw'
        ):
            if not _is_mask(file) and file.with_suffix('.mhd') not in self.files:
                self.skip(file, '.raw file without its .mhd file')
        dicom = len(self.folder.matching(r'.*\.dcm'))
        kinds = Counter(
            'c-view' if view.c_view else 'projection' for view in self.views
        )
        self.notes += [
            'Simulated images: no woman was imaged, and no pathology is known.',
            f'{len(self.views)} images of {len({v.patient_id for v in self.views})} '
            'digital breasts, each of which stays in one part: '
            f'{", ".join(f"{n} x {kind}" for kind, n in sorted(kinds.items()))}.',
            'Masses: '
            + (
                ', '.join(f'{n} {how}' for how, n in self.outlines.items() if n)
                or 'none'
            )
            + '.',
        ]
        if self.even:
            self.notes.append(
                f'{self.even} images of an even number have a .loc file, though '
                'such breasts should hold no mass; it takes precedence.'
            )
        if dicom:
            self.notes.append(
                f'{dicom} DICOM copies are not read: each is scaled by its own values, '
                'and has no view and no side.'
            )


def _is_mask(file: Path) -> bool:
    return any(part.lower() in ('segmentation_masks', 'seg') for part in file.parts)


def _key(file: Path, number: int) -> _Key:
    """Return the facts in a file's folder names; '' is unknown."""
    parts = file.parts[:-1]
    place = next((i for i, part in enumerate(parts) if part.lower() in _BREASTS), None)
    breast = '' if place is None else parts[place].lower()
    above, below = (parts, ()) if place is None else (parts[:place], parts[place + 1 :])
    return _Key(
        breast,
        number,
        radius=next((part for part in below if _RADIUS.fullmatch(part)), ''),
        mass_density=next(
            (
                match[1]
                for part in above
                for match in [_MASS_DENSITY.fullmatch(part)]
                if match
            ),
            '',
        ),
        dose=next((part for part in above if _DOSE.fullmatch(part)), ''),
    )


def _view(
    header: Path,
    raw: Path,
    key: _Key,
    c_view: bool,
    geometry: Geometry,
    lesions: list[RawLesion],
) -> SynthView:
    photons = float(key.dose) if key.dose else None
    settings = (
        f'r{key.radius}',
        f'd{key.mass_density}',
        'c-view' if c_view else f'x{key.dose}',
    )
    return SynthView(
        raw,
        exam_id='_'.join((key.breast, str(key.number), *settings)),
        patient_id=f'{key.breast}_{key.number}',
        laterality='L',  # as displayed; the simulated breast has no side
        view='CC',
        density=_BREASTS[key.breast],
        abnormal=bool(lesions),
        pixel_spacing_mm=(geometry.spacing_mm,) * 2,
        size=geometry.size,
        lesions=lesions,
        extra=dict(
            image_kind='synthetic 2-D' if c_view else FULL_FIELD,
            mass_radius_mm=float(key.radius) if lesions and key.radius else None,
            mass_density=(
                float(key.mass_density) if lesions and key.mass_density else None
            ),
            photons=photons,
            relative_dose=photons and round(photons / _FULL_DOSES[key.breast], 2),
        ),
        header=header,
        c_view=c_view,
    )
