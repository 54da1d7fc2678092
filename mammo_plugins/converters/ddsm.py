"""The original DDSM (University of South Florida).

Source: M. Heath et al., 'The Digital Database for Screening Mammography', IWDM 2000;
the data set's pages 'Description of a case' and 'Mapping Grey Levels to Optical
Density'; overlays as its own software reads them (heathusf, ``overlay.c``).

Files of a case, such as ``cases/cancers/cancer_01/case3024``:

- ``B-3024-1.ics``: text. DENSITY (ACR, 1 to 4), DIGITIZER, and one line per view:
  ``LEFT_CC LINES h PIXELS_PER_LINE w BITS_PER_PIXEL b RESOLUTION microns`` with
  ``OVERLAY`` or ``NON_OVERLAY``. Date and age are not used.
- ``B_3024_1.LEFT_CC.LJPEG``: see :mod:`~mammo_plugins.converters.ddsm_ljpeg`.
- ``B_3024_1.LEFT_CC.OVERLAY``: abnormalities of a view, each with LESION_TYPE
  lines, ASSESSMENT (BI-RADS), SUBTLETY, PATHOLOGY and outlines: one BOUNDARY, then
  COREs. An outline is ``x y d d ... #``, pixels from the upper left corner and step
  directions, clockwise from 0, which is up.
- ``TAPE_...16_PGM``: thumbnails, not used.

Rules:

- A case is one exam of one patient; its id is its file name, ``B_3024_1``.
- A view with an OVERLAY is abnormal, any other is not, even in cases with a cancer
  elsewhere. A view whose stated OVERLAY is missing is left out.
- BENIGN_WITHOUT_CALLBACK is benign, UNPROVEN unknown.
- MASS counts as a mass, whatever its SHAPE, even if CALCIFICATION is named too.
- Abnormalities are numbered per view, so views are not matched by number. Lesions in CC
  and MLO count as the same lesion if each view of the breast has only one and
  LESION_TYPE, ASSESSMENT and PATHOLOGY agree.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2

from mammo_plugins.io import MammogramError, atomic_path
from mammo_plugins.structures import VIEWS
from mammo_plugins.structures.categories import DDSM

from .base import Converter
from .cells import read_birads, read_density
from .ddsm_film import DIGITIZERS, Digitizer, display_values, read_levels
from .ddsm_ljpeg import BadStream
from .ddsm_texts import (
    Abnormality,
    CaseHeader,
    FilmLine,
    Overlay,
    read_ics,
    read_overlay,
)
from .raw_folder import RawFolder
from .records import Catalogue, ConversionError, RawLesion, RawView

_EXPECTED = (
    "DDSM's cases/ folder: volumes such as cancers/cancer_01/case3024 with "
    'B-3024-1.ics, B_3024_1.LEFT_CC.LJPEG and B_3024_1.LEFT_CC.OVERLAY'
)
_ICS = r'(?:.*/)?([A-Z])[-_](\d+)[-_](\d+)\.ics(?:\.gz)?'
_FILE = re.compile(
    r'([A-Z])[-_](\d+)[-_](\d+)[._](LEFT|RIGHT)[-_](CC|MLO)\.(.+)', re.IGNORECASE
)
# the first one that exists is used
_IMAGES = (
    'ljpeg',
    'ljpeg.gz',
    'ljpeg.1',
    'ljpeg.tif',
    'ljpeg.tiff',
    'ljpeg.png',
    'ljpeg.1.tif',
    'ljpeg.1.png',
    'tif',
    'tiff',
    'png',
)
_OVERLAYS = ('overlay', 'overlay.gz')
# a darker 16-bit PNG would be read as one of 14 bits
_DARKEST = 2**14
_NORMAL = re.compile(r'normals?(_\d+)?', re.IGNORECASE)
_PATHOLOGIES = dict(
    MALIGNANT='malignant', BENIGN='benign', BENIGN_WITHOUT_CALLBACK='benign'
)


@dataclass
class FilmView(RawView):
    """A view with the facts needed to decode it.

    Attributes:
        lines (int), columns (int): Size in pixels, from the ``.ics`` file.
        digitizer (tuple[str]): Key of ``DIGITIZERS``.
        header (Path): The ``.ics`` file, relative to the raw folder.
        described (tuple): For each abnormality in the overlay, the key that one lesion
            shares in both views.
    """

    lines: int = 0
    columns: int = 0
    digitizer: tuple[str, str] = ('', '')
    header: Path = Path()
    described: tuple = ()


class _Case(NamedTuple):
    ics: Path
    exam_id: str
    header: CaseHeader
    digitizer: Digitizer | None
    key: tuple[str, str]  # of the digitizer
    normal: bool  # whether its volume contains normal cases


class DDSMConverter(Converter):
    """Converts the original DDSM; see the module for format and rules."""

    name = 'ddsm'
    categories = DDSM

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        headers = folder.matching(_ICS)
        if not headers:
            raise ConversionError(f'{raw}: no .ics file; expected {_EXPECTED}')
        catalogue = _FilmCatalogue(folder)
        for ics in headers:
            catalogue.add_case(ics)
        catalogue.finish()
        return catalogue

    def prepare(self, raw: Path, view: FilmView, out: Path) -> Path:
        """Write the view as a 16-bit PNG, linear in optical density.

        The file of an earlier run is kept if it is newer than its sources.
        """
        side = 'LEFT' if view.laterality == 'L' else 'RIGHT'
        file = Path('images') / view.exam_id / f'{side}_{view.view}.png'
        source, target = raw / view.file, out / file
        try:
            newest = max(
                source.stat().st_mtime_ns, (raw / view.header).stat().st_mtime_ns
            )
            if target.is_file() and target.stat().st_mtime_ns > newest:
                return file
            digitizer = DIGITIZERS[view.digitizer]
            levels = read_levels(source, view.lines, view.columns, digitizer.bits)
        except BadStream as error:
            raise MammogramError(source, str(error)) from None
        except OSError as error:
            raise MammogramError(
                source, f'cannot be read ({error.strerror}); check the file'
            ) from None
        pixels = display_values(levels, digitizer)
        if pixels.max() < _DARKEST:
            raise MammogramError(
                source,
                'no part of the film is as bright as a breast (optical '
                'density below 2.2); leave it out',
            )
        _, png = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        with atomic_path(target) as path:
            path.write_bytes(png.tobytes())
        return file


class _FilmCatalogue(Catalogue):
    """A catalogue that is built case by case.

    Args:
        folder (RawFolder): The raw folder.
    """

    def __init__(self, folder: RawFolder) -> None:
        super().__init__(skipped=folder.new_catalogue().skipped)
        self.folder = folder
        self.unflagged = 0  # views with an overlay despite NON_OVERLAY
        self.files: dict[tuple, list[tuple[str, Path]]] = defaultdict(list)
        for file in folder.files:
            match = _FILE.fullmatch(file.name)
            if match is not None:
                letter, number, visit, side, view, kind = match.groups()
                key = (f'{letter}_{number}_{visit}'.upper(), f'{side}_{view}'.upper())
                if kind.lower() in _IMAGES + _OVERLAYS:
                    self.files[key].append((kind.lower(), file))
        self.used: set = set()

    def add_case(self, ics: Path) -> None:
        """Add the views of a case."""
        header = read_ics(self.folder.root / ics)
        letter, number, visit = re.fullmatch(
            _ICS, ics.as_posix(), re.IGNORECASE
        ).groups()
        exam_id = f'{letter}_{number}_{visit}'.upper()
        if not header.films:
            self.skip(ics, '.ics file without a line of a view')
        key = (letter.upper(), header.digitizer)
        normal = any(_NORMAL.fullmatch(part) for part in (self.folder.root / ics).parts)
        case = _Case(ics, exam_id, header, DIGITIZERS.get(key), key, normal)
        views = [
            view
            for name, film in header.films.items()
            for view in [self._view(case, name, film)]
            if view is not None
        ]
        _join_lesions(views)
        self.views += views

    def _view(self, case: _Case, name: str, film: FilmLine) -> FilmView | None:
        item = f'{case.ics} {name}'
        image = self._find(case, name, _IMAGES)
        overlay = self._find(case, name, _OVERLAYS)
        if not film.lines or not film.columns:
            self.skip(item, 'line of a view without its size')
        elif case.digitizer is None:
            self.skip(
                item,
                'unknown digitizer, so optical density is too',
                f'{case.key[1] or "none"} at institution {case.key[0]}',
            )
        elif image is None:
            self.skip(item, 'missing image')
        elif overlay is None and film.overlay:
            self.skip(item, 'missing OVERLAY file of an abnormal view')
        else:
            return self._film_view(case, name, film, image, overlay)
        return None

    def _film_view(
        self, case: _Case, name: str, film: FilmLine, image: Path, overlay: Path | None
    ) -> FilmView | None:
        side, projection = name.split('_')
        spacing = film.microns and film.microns / 1000
        view = FilmView(
            image,
            case.exam_id,
            case.exam_id,
            side[0],
            projection,
            modality='SFM',
            density=read_density(case.header.density),
            # a view with neither flag nor outline is known to be normal only in a
            # volume of normal cases
            abnormal=False if film.overlay is False or case.normal else None,
            pixel_spacing_mm=spacing and (spacing, spacing),
            extra=dict(digitizer=case.digitizer.name),
            lines=film.lines,
            columns=film.columns,
            digitizer=case.key,
            header=case.ics,
        )
        if overlay is not None:
            outlines = read_overlay(self.folder.root / overlay)
            if not outlines.abnormalities:
                self.skip(
                    overlay, 'OVERLAY file that cannot be read; its view is left out'
                )
                return None
            self.unflagged += film.overlay is False
            view.abnormal = True
            view.described = tuple(found.described for found in outlines.abnormalities)
            self._add_lesions(view, overlay, outlines)
        return view

    def _add_lesions(self, view: FilmView, overlay: Path, outlines: Overlay) -> None:
        there = len(outlines.abnormalities)
        if outlines.total is not None and there < outlines.total:
            self.skip(
                overlay,
                'OVERLAY file with fewer abnormalities than it states',
                f'{there} of {outlines.total}',
            )
        for i, found in enumerate(outlines.abnormalities, 1):
            item = f'abnormality {i} of {overlay}'
            category = _category(found)
            if category is None:
                self.skip(item, 'unknown LESION_TYPE', '; '.join(found.types))
            elif not found.boundaries:
                self.skip(item, 'abnormality without a whole BOUNDARY', found.broken)
            else:
                view.lesions.append(
                    RawLesion(
                        category,
                        polygons=found.boundaries,
                        birads=read_birads(found.assessment),
                        pathology=_PATHOLOGIES.get(found.pathology),
                    )
                )

    def _find(self, case: _Case, name: str, kinds: tuple[str, ...]) -> Path | None:
        """Return the preferred file of a view in the folder of its case.

        A folder with the same name elsewhere counts too: re-releases keep images and
        overlays in separate trees.
        """
        home = case.ics.parent
        found = []
        for kind, file in self.files[case.exam_id, name]:
            own = home in file.parents
            if kind in kinds and (own or home.name in file.parts[:-1]):
                found.append((not own, kinds.index(kind), file))
        self.used.update(file for _, _, file in found)
        return min(found)[2] if found else None

    def finish(self) -> None:
        """Count the files that belong to no case; add the notes."""
        for (_exam_id, _), files in self.files.items():
            for kind, file in files:
                if file not in self.used:
                    self.skip(
                        file,
                        'OVERLAY file that no .ics file leads to'
                        if kind in _OVERLAYS
                        else 'image that no .ics file leads to',
                    )
        self.notes.append(
            'DDSM has no official split; patients are split by ratio or in folds'
        )
        if self.unflagged:
            self.notes.append(
                f'{self.unflagged} views have an OVERLAY file although their .ics '
                'file states NON_OVERLAY; they are treated as abnormal'
            )


def _category(found: Abnormality) -> str | None:
    """Return the kind of a lesion; a mass with calcifications is a mass."""
    words = {line.split(' ')[0] for line in found.types}
    return next(
        (word.lower() for word in ('MASS', 'CALCIFICATION', 'OTHER') if word in words),
        None,
    )


def _join_lesions(views: list[FilmView]) -> None:
    """Give lesions in both views of a breast one id if they are certainly the same."""
    breasts: dict[str, list[FilmView]] = defaultdict(list)
    for view in views:
        breasts[view.laterality].append(view)
    for laterality, pair in breasts.items():
        if (
            {view.view for view in pair} == set(VIEWS)
            and all(len(view.described) == len(view.lesions) == 1 for view in pair)
            and len({view.described for view in pair}) == 1
        ):
            for view in pair:
                view.lesions[0].lesion_id = f'{view.exam_id}_{laterality}'
