"""Finding the images and ROI masks of CBIS-DDSM by the files' contents."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammo_plugins.io.elements import read_elements
from mammo_plugins.io.reading import guarded
from mammo_plugins.io.reading_warnings import ReadingWarnings

from . import outlines
from .raw_folder import RawFolder

# how much a mask's size may differ from its image's; the difference comes from two
# scanners' pixel sizes (1.149 = 50 / 43.5 um)
_SIZE_RANGE = (0.5, 2.0)

_CASE = re.compile(
    r'(?:mass|calc)-(?:training|test)_p_\d+_(?:left|right)_(?:cc|mlo)(?:_\d+)?'
)
_UID = re.compile(r'\d+(?:\.\d+){5,}')
_KINDS = (('full mammogram', 'full'), ('cropped', 'crop'), ('roi mask', 'mask'))
_IMAGE_TAGS = ['SeriesDescription', 'Rows', 'Columns', 'BitsAllocated']
_CASE_TAGS = ['PatientID', 'SeriesInstanceUID', 'StudyInstanceUID']


@dataclass(frozen=True)
class Header:
    """Facts from the header of a file.

    Attributes:
        file (Path): Relative to the raw folder.
        rows (int), columns (int), bits (int): Size and bits allocated.
        kind (str, optional): 'full', 'crop' or 'mask', from the series description or,
            if that is missing, from the folder.
    """

    file: Path
    rows: int
    columns: int
    bits: int
    kind: str | None = None

    @property
    def shown(self) -> str:
        """str: The size as messages show it."""
        return f'{self.rows} x {self.columns}'


def same_size(one: Header, other: Header) -> bool:
    """Return whether two pictures have the same rows and columns."""
    return (one.rows, one.columns) == (other.rows, other.columns)


def same_shape(one: Header, other: Header) -> bool:
    """Return whether two pictures have the same proportions, within 1%."""
    return outlines.same_shape(one.rows / one.columns, other.rows / other.columns)


def is_case(name: str, region: bool) -> bool:
    """Return whether a folder's name is a case name as in the tables.

    Args:
        name (str): A name such as 'Mass-Test_P_00001_LEFT_CC'.
        region (bool): Whether the number of an abnormality has to follow.
    """
    return bool(_CASE.fullmatch(name.lower())) and (name[-1:].isdigit() == region)


class CaseFiles:
    """The DICOM files of a download, by case.

    A file is assigned to a case by the folder (or file) named after it, as the NBIA
    Data Retriever creates them; else by the series or study UID that the table states
    and a folder is named after; else by the PatientID and the UIDs of its header, which
    is read only then.

    Args:
        raw (RawFolder): The files.
    """

    def __init__(self, raw: RawFolder) -> None:
        self.root = raw.root
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_uid: dict[str, list[Path]] = defaultdict(list)
        self._unnamed: list[Path] = []
        self._headers: dict[Path, Header | None] = {}
        self._by_header: dict[str, list[Path]] | None = None
        self._in_folder: dict[Path, int] = defaultdict(int)
        self.count = 0
        for file in raw.files:
            if _may_be_dicom(file):
                self._add(file)

    def _add(self, file: Path) -> None:
        self.count += 1
        self._in_folder[file.parent] += 1
        parts = [*file.parent.parts, file.stem]
        cases = [part.lower() for part in parts if _CASE.fullmatch(part.lower())]
        if cases:
            self._by_name[cases[-1]].append(file)
            return
        self._unnamed.append(file)
        for part in parts:
            if _UID.fullmatch(part):
                self._by_uid[part].append(file)

    def find(self, names: Iterable[str], paths: Iterable[str]) -> list[Path]:
        """Return the files of a case, or of one of its abnormalities.

        Args:
            names (iterable[str]): Names of the case, the most reliable first.
            paths (iterable[str]): As in the table: case/study/series/file.

        Returns:
            list[Path]: Relative to the raw folder.
        """
        names = [name.lower() for name in names]
        folders = [path.split('/') for path in paths]
        # crop and mask may be separate series, so all series count
        series = [parts[-2] for parts in folders if len(parts) > 1]
        studies = [parts[-3] for parts in folders if len(parts) > 2]
        found = (
            _any(self._by_name, names[:1])
            or _any(self._by_name, names)
            or _any(self._by_uid, series)
            or _any(self._by_uid, studies)
        )
        if found or not self._unnamed:
            return found
        index = self._headers_index()
        return _any(index, names) or _any(index, series) or _any(index, studies)

    def _headers_index(self) -> dict[str, list[Path]]:
        if self._by_header is None:
            self._by_header = defaultdict(list)
            for file in self._unnamed:
                for key in self._read(file, _CASE_TAGS):
                    self._by_header[key.lower()].append(file)
        return self._by_header

    def _read(self, file: Path, tags: Sequence[str] = ()) -> list[str]:
        """Read a header; return the values of the tags, none if it cannot be read."""
        self._headers[file] = None
        try:
            with guarded(self.root / file):
                ds = read_elements(
                    self.root / file,
                    [*_IMAGE_TAGS, *tags],
                    pixels=False,
                    warnings=ReadingWarnings(),
                )
            described = str(ds.get('SeriesDescription') or '')
            self._headers[file] = Header(
                file,
                int(ds.Rows),
                int(ds.Columns),
                int(ds.BitsAllocated),
                _kind(described) or _kind(file.parent.name),
            )
            return [str(ds.get(tag) or '').strip() for tag in tags]
        except Exception:  # pydicom raises many kinds for damaged or other files
            return []

    def headers(self, files: Sequence[Path]) -> list[Header]:
        """Return the headers of the files that are DICOM images."""
        for file in files:
            if file not in self._headers:
                self._read(file)
        found = [self._headers[file] for file in files]
        return [
            header
            for header in found
            if header is not None and header.rows > 0 and header.columns > 0
        ]

    def full_image(self, files: Sequence[Path]) -> Header | None:
        """Return the full mammogram among the files of a case: the largest."""
        images = [
            header for header in self.headers(files) if header.kind in ('full', None)
        ]
        return max(
            images,
            default=None,
            key=lambda header: (header.kind == 'full', header.rows * header.columns),
        )

    def mask(self, files: Sequence[Path], image: Header) -> Header | None:
        """Return the ROI mask among the files of an abnormality.

        The crop of the abnormality may be in the same folder or in another, and the
        table sometimes mixes the two up. Masks have 8 bits and about the size of the
        image. A 16-bit file counts if it has exactly the image's size and is not
        labelled as a crop.

        Args:
            files (sequence[Path]): The abnormality's files.
            image (Header): Header of the full mammogram.
        """
        crops = [
            file
            for file in files
            if _kind(file.parent.name) == 'crop' and self._in_folder[file.parent] == 1
        ]
        groups = [[file for file in files if file not in crops], crops]
        if len(groups[0]) == 2:  # crop and mask: the mask is the larger file
            groups = [[file] for file in self._by_size(groups[0])] + [crops]
        for group in groups:  # stop as soon as one is found
            masks = [
                header for header in self.headers(group) if _may_be_mask(header, image)
            ]
            if masks:
                return min(
                    masks,
                    key=lambda header: (
                        header.bits > 8,
                        _distance(header, image),
                        header.kind != 'mask',
                    ),
                )
        return None

    def _by_size(self, files: Sequence[Path]) -> list[Path]:
        return sorted(files, reverse=True, key=lambda file: _bytes(self.root / file))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a broken link
        return 0


def _any(index: dict[str, list[Path]], keys: Iterable[str]) -> list[Path]:
    return sorted({file for key in keys for file in index.get(key, ())})


def _may_be_dicom(file: Path) -> bool:
    suffix = file.suffix.lower().lstrip('.')
    return suffix in ('', 'dcm', 'dicom') or suffix.isdigit()


def _kind(text: str) -> str | None:
    return next((kind for words, kind in _KINDS if words in text.lower()), None)


def _distance(header: Header, image: Header) -> float:
    return abs(math.log(header.rows / image.rows)) + abs(
        math.log(header.columns / image.columns)
    )


def _may_be_mask(header: Header, image: Header) -> bool:
    if header.bits > 8:
        return header.kind != 'crop' and same_size(header, image)
    low, high = _SIZE_RANGE
    return (
        low < header.rows / image.rows < high
        and low < header.columns / image.columns < high
    )
