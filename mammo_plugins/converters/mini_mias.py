"""mini-MIAS: 322 films of 161 women with circles around abnormalities.

The raw folder, in its original form or as on the mirrors::

    Info.txt                    may have another name, and a preamble
    mdb001.pgm ... mdb322.pgm   or .png, .tif, .bmp, .jpg of the same names

A line of ``Info.txt`` is ``mdb001 G CIRC B 535 425 197``: reference number, character
of the background tissue (F fatty, G fatty-glandular, D dense-glandular), class (CALC
calcification, CIRC well-defined or circumscribed mass, SPIC spiculated mass, MISC
other, ill-defined mass, ARCH architectural distortion, ASYM asymmetry, NORM normal),
severity (B benign, M malignant), and a circle in pixels: x, y of its centre, with the
origin at the bottom left corner, and its approximate radius. A film with several
abnormalities has several lines. Four lines have no circle, or a note instead: widely
spread calcifications, and one mass. Source: J. Suckling et al., The Mammographic Image
Analysis Society digital mammogram database, Excerpta Medica, International Congress
Series 1069:375-378 (1994), and the README of the mini-MIAS database.

Rules are in docs/how_to/datasets/mini_mias.md.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mammo_plugins.io import MammogramError, read_header
from mammo_plugins.structures.categories import MINI_MIAS

from .base import Converter
from .raw_folder import RawFolder
from .records import Catalogue, ConversionError, RawLesion, RawView

_EXPECTED = (
    'the unpacked mini-MIAS database: a list such as Info.txt with lines as '
    "'mdb001 G CIRC B 535 425 197', and mdb001.pgm to mdb322.pgm"
)
_SIZE = 1024  # pixels per side; films are centred in it and padded
_PIXEL_MM = 0.2
_CORNERS = 64  # of the polygon that replaces a circle; its area is 0.16% smaller
# the first one that exists is used: lossless before lossy
_PICTURES = ('.pgm', '.png', '.tif', '.tiff', '.bmp', '.jpg', '.jpeg')
_IMAGE = re.compile(r'mdb(\d{3})', re.IGNORECASE)
# a byte order mark and a row number may come first
_LINE = re.compile(
    r'[^a-z0-9]*(?:\d+[\s,;]+)?mdb(\d{3})(?:\.\w+)?[\s,;]+([a-z])[\s,;]+'
    r'([a-z]+)\b(.*)',
    re.IGNORECASE,
)
_QUOTES = str.maketrans('', '', '"\'')
_NUMBER = re.compile(r'\d+(?:\.\d+)?')
_LARGEST_LIST = 2**20  # bytes; the README with its list has about 10 KB

_TISSUES = {'F': 'fatty', 'G': 'fatty-glandular', 'D': 'dense-glandular'}
_CLASSES = {
    'CIRC': ('mass', 'circumscribed mass'),
    'SPIC': ('mass', 'spiculated mass'),
    'MISC': ('mass', 'ill-defined mass'),
    'CALC': ('calcification', 'calcification'),
    'ARCH': ('architectural distortion', 'architectural distortion'),
    'ASYM': ('asymmetry', 'asymmetry'),
}
_SEVERITIES = {'B': 'benign', 'M': 'malignant'}


@dataclass(frozen=True)
class _Abnormality:
    kind: str  # a key of _CLASSES
    severity: str | None
    circle: tuple[float, float, float] | None  # x, y from the bottom, radius


@dataclass
class _Film:
    """The combined facts from all lines of a film."""

    tissue: str | None = None
    normal: bool = False
    abnormalities: list[_Abnormality] = field(default_factory=list)


class MiniMIASConverter(Converter):
    """Reads mini-MIAS; see the module for its format."""

    name = 'mini-MIAS'
    categories = MINI_MIAS

    def catalogue(self, raw: Path) -> Catalogue:
        """See :meth:`Converter.catalogue`."""
        folder = RawFolder(raw, _EXPECTED)
        found = folder.new_catalogue()
        images = _images(folder, found)
        films = _films(folder, found)
        for number, file in images.items():
            if number not in films:
                found.skip(file, 'film without a line in the list')
            else:
                found.views.append(_view(number, file, films[number]))
        for number in sorted(films.keys() - images.keys()):
            found.skip(f'mdb{number}', 'line without a film')
        found.notes += _notes(found.views)
        return found

    def prepare(self, raw: Path, view: RawView, out: Path) -> Path:
        """See :meth:`Converter.prepare`; refuses films that were resized."""
        facts = read_header(raw / view.file).header
        if (facts['rows'], facts['columns']) != (_SIZE, _SIZE):
            raise MammogramError(
                raw / view.file,
                f'{facts["rows"]} x {facts["columns"]} pixels, but a film of the '
                f'set has {_SIZE} x {_SIZE}: a resized copy, for which neither '
                'the circles nor 0.2 mm pixels are right; use the released data '
                'set',
            )
        return super().prepare(raw, view, out)


def _images(folder: RawFolder, found: Catalogue) -> dict[str, Path]:
    """Return the picture of each film by its number, '001' etc."""
    images: dict[str, Path] = {}
    pictures = [file for file in folder.files if file.suffix.lower() in _PICTURES]
    for file in sorted(
        pictures,
        key=lambda file: (_PICTURES.index(file.suffix.lower()), len(file.parts), file),
    ):
        match = _IMAGE.fullmatch(file.stem)
        if match is None:
            found.skip(file, 'picture whose name is not of the set')
        elif match[1] in images:
            found.skip(file, 'another copy of a film', str(images[match[1]]))
        else:
            images[match[1]] = file
    if not images:
        raise ConversionError(
            f'{folder.root}: no film named as in mini-MIAS; expected {_EXPECTED}', found
        )
    return dict(sorted(images.items()))


def _films(folder: RawFolder, found: Catalogue) -> dict[str, _Film]:
    """Return the facts about each film by its number."""
    file, lines = _list(folder, found)
    films: dict[str, _Film] = {}
    seen: dict[tuple[str, ...], int] = {}
    for number, (reference, tissue, kind, rest) in lines:
        item = f'{file}, line {number}'
        words = [word for word in re.split(r'[\s,;]+', rest.upper()) if word]
        key = (reference, tissue.upper(), kind.upper(), *words)
        if key in seen:
            found.skip(item, 'line that repeats another', f'line {seen[key]}')
            continue
        seen[key] = number
        film = films.setdefault(reference, _Film())
        _add_tissue(film, tissue.upper(), item, found)
        if kind.upper() == 'NORM':
            film.normal = True
        elif kind.upper() not in _CLASSES:
            found.skip(item, 'class of abnormality that is not known', kind)
        else:
            film.abnormalities.append(_abnormality(kind.upper(), words, item, found))
    for reference, film in films.items():
        if film.normal and film.abnormalities:
            found.skip(
                f'mdb{reference}', 'line that calls a film with abnormalities normal'
            )
    return films


def _list(
    folder: RawFolder, found: Catalogue
) -> tuple[Path, list[tuple[int, tuple[str, str, str, str]]]]:
    """Return the file with the most film lines, and these lines by their number.

    It is identified by its content: mirrors rename it, and the README contains it too.
    """
    lists = []
    for file in folder.files:
        path = folder.root / file
        if file.suffix.lower() in _PICTURES or path.stat().st_size > _LARGEST_LIST:
            continue
        # the list is plain ASCII whatever encoding it was saved in
        text = path.read_bytes().replace(b'\0', b'').decode('latin-1')
        text = text.translate(_QUOTES)
        lines = [
            (number, match.groups())
            for number, match in enumerate(map(_LINE.match, text.splitlines()), 1)
            if match
        ]
        if lines:
            lists.append((file, lines))
    if not lists:
        raise ConversionError(
            f'{folder.root}: no file with the list of films; expected {_EXPECTED}'
        )
    lists.sort(key=lambda item: (-len(item[1]), len(item[0].parts), item[0]))
    told = {
        frozenset(
            tuple(' '.join(group.upper().split()) for group in line)
            for _, line in lines
        )
        for _, lines in lists
    }
    if len(told) > 1:
        shown = ', '.join(f'{file} ({len(lines)} lines)' for file, lines in lists)
        found.notes.append(
            f'{len(lists)} files list films, and differ; {lists[0][0]}, '
            f'the longest, is used: {shown}'
        )
    return lists[0]


def _add_tissue(film: _Film, tissue: str, item: str, found: Catalogue) -> None:
    if tissue not in _TISSUES:
        found.skip(f'tissue in {item}', 'background tissue that is not known', tissue)
    elif film.tissue not in (None, tissue):
        found.skip(
            f'tissue in {item}',
            "background tissue that differs from an earlier line's",
            tissue,
        )
    else:
        film.tissue = tissue


def _abnormality(
    kind: str, words: list[str], item: str, found: Catalogue
) -> _Abnormality:
    severity = words.pop(0) if words[:1] and words[0] in _SEVERITIES else None
    if severity is None:
        found.skip(f'severity in {item}', 'abnormality without a severity B or M')
    circle = None
    numbers = [float(word) for word in words if _NUMBER.fullmatch(word)]
    if len(words) == len(numbers) == 3 and 0 < numbers[2] and max(numbers) < math.inf:
        circle = tuple(numbers)
    else:
        found.skip(item, 'abnormality without a circle', ' '.join(words))
    return _Abnormality(kind, severity, circle)


def _view(number: str, file: Path, film: _Film) -> RawView:
    odd = int(number) - 1 | 1  # a patient's films are an odd number and the next
    severities = {abnormality.severity for abnormality in film.abnormalities}
    pair = f'mdb{odd:03d}-{odd + 1:03d}'
    return RawView(
        file,
        pair,
        pair,
        laterality='R' if int(number) % 2 else 'L',
        view='MLO',
        modality='SFM',
        abnormal=bool(film.abnormalities) or (False if film.normal else None),
        pathology=next((_SEVERITIES[s] for s in 'MB' if s in severities), None),
        pixel_spacing_mm=(_PIXEL_MM, _PIXEL_MM),
        lesions=[
            RawLesion(
                _CLASSES[a.kind][0],
                polygons=[circle_polygon(*a.circle)],
                pathology=_SEVERITIES.get(a.severity),
            )
            for a in film.abnormalities
            if a.circle is not None
        ],
        extra=dict(
            background_tissue=_TISSUES.get(film.tissue),
            finding_kinds=sorted({_CLASSES[a.kind][1] for a in film.abnormalities}),
        ),
    )


def circle_polygon(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """Return a circle of ``Info.txt`` as a polygon in pixels of the image file.

    Args:
        x (float), y (float): Centre, with y measured up from the bottom edge.
        radius (float): In pixels.

    Returns:
        list[tuple[float]]: 64 points (x, y), with y measured down from the top edge;
        they touch the circle's bounding box.
    """
    angles = (2 * math.pi * i / _CORNERS for i in range(_CORNERS))
    return [
        (x + radius * math.cos(a), _SIZE - y + radius * math.sin(a)) for a in angles
    ]


def _notes(views: list[RawView]) -> list[str]:
    kinds = Counter(kind for view in views for kind in view.extra['finding_kinds'])
    tissues = Counter(str(view.extra['background_tissue']) for view in views)
    circles = sum(len(view.lesions) for view in views)
    unmarked = [view.file.stem for view in views if view.abnormal and not view.lesions]
    cut = [
        view.file.stem
        for view in views
        for lesion in view.lesions
        if not all(0 <= v <= _SIZE for xy in lesion.polygons[0] for v in xy)
    ]
    notes = [
        f'{circles} circles on {sum(bool(v.lesions) for v in views)} films. A circle '
        'encloses an abnormality (of calcifications, a cluster) and is no outline.',
        'Films by kind of abnormality: '
        f'{", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())) or "none"}.',
        'Films by background tissue, which is not a BI-RADS density: '
        f'{", ".join((f"{tissue} {n}" for tissue, n in sorted(tissues.items())))}.',
    ]
    if cut:
        notes.append(
            f'{len(cut)} circles reach outside their film and are clipped: '
            f'{", ".join(cut)}.'
        )
    if unmarked:
        notes.append(
            f'{len(unmarked)} abnormal films have no circle: '
            f'{", ".join(unmarked)}. Exclude them if a film without a lesion '
            'should be normal.'
        )
    return notes
