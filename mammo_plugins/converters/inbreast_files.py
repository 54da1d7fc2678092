"""Reading INbreast's region files and repairing its images."""

import io
import math
import plistlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from mammo_plugins.io import atomic_path
from mammo_plugins.io.dicom import decode
from mammo_plugins.io.dicom_header import find_spacing
from mammo_plugins.io.elements import code, load_dataset
from mammo_plugins.io.reading import guarded
from mammo_plugins.io.reading_warnings import ReadingWarnings

PIXEL_MM = 0.07  # Moreira et al. 2012, image acquisition: 70 micrometres
_LONGEST_POINT = 200  # characters
_DEPTHS = (12, 14, 16)
_NUMBER = r'([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)'
_POINT = re.compile(
    rf'[({{\[]?\s*{_NUMBER}\s*[,;]\s*{_NUMBER}\s*[)}}\]]?', re.IGNORECASE
)
# matched in order against the name; spelling varies between files
_KINDS = (
    (r'muscle', None),
    (r'cluster', 'calcification cluster'),
    (r'calcif', 'calcification'),
    (r'\bmass', 'mass'),
    (r'spiculat', 'spiculated region'),
    (r'distor', 'architectural distortion'),
    (r'\bas+[iy]m+[ei]t', 'asymmetry'),
)


class RegionError(ValueError):
    """A region file that does not define the view's regions."""


@dataclass(frozen=True)
class Region:
    """A drawn region.

    Attributes:
        name (str): As in the file.
        category (str): The converter's category.
        points (list[tuple[float]]): (x, y) in continuous pixels.
    """

    name: str
    category: str
    points: list[tuple[float, float]]

    @property
    def has_area(self) -> bool:
        """bool: Whether it is an outline at least one pixel wide and high."""
        xy = np.array(self.points)
        if len(xy) < 3 or np.ptp(xy, axis=0).min() < 1:
            return False
        x, y = (xy - xy[0]).T
        return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) > 0

    @property
    def pixel_box(self) -> tuple[float, float, float, float]:
        """tuple[float]: (x1, y1, x2, y2) around the whole pixels of the points."""
        xs, ys = zip(*self.points)
        return (
            math.floor(min(xs)),
            math.floor(min(ys)),
            math.floor(max(xs)) + 1,
            math.floor(max(ys)) + 1,
        )


def find_category(name: str) -> str | None:
    """Return the category of a region's name, ``None`` for anatomy."""
    for pattern, category in _KINDS:
        if re.search(pattern, name, re.IGNORECASE):
            return category
    return 'other'


def read_regions(path: Path) -> list[Region]:
    """Read the regions of a view, without the pectoral muscle.

    Args:
        path (Path): An OsiriX property list.

    Raises:
        RegionError: If it cannot be read, or is incomplete by its own counts.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RegionError(f'cannot be read ({error.strerror})') from None
    content = _load(data)
    images = content.get('Images') if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise RegionError("no list 'Images'")
    regions = []
    for image in images:
        rois = image.get('ROIs') if isinstance(image, dict) else None
        if not isinstance(rois, list):
            raise RegionError("no list 'ROIs'")
        _check_count('regions', len(rois), image.get('NumberOfROIs'))
        regions += [_region(roi) for roi in rois]
    return [region for region in regions if region is not None]


def _load(data: bytes) -> Any:
    try:
        return plistlib.loads(data, fmt=plistlib.FMT_XML)
    except Exception:  # many kinds, from Expat errors to bugs in plistlib
        pass
    try:  # not in the declared encoding, or surrounded by other bytes
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = data.decode('cp1252', errors='replace')
    text = re.sub(r'^\s*<\?xml[^>]*\?>', '', text.strip('\0 \t\r\n'))
    try:
        return plistlib.loads(text.strip().encode(), fmt=plistlib.FMT_XML)
    except Exception as error:
        raise RegionError(f'not a property list ({type(error).__name__})') from None


def _check_count(what: str, found: int, stated: Any) -> None:
    if isinstance(stated, int) and found < stated:
        raise RegionError(f'{found} of {stated} {what}')


def _region(roi: Any) -> Region | None:
    if not isinstance(roi, dict) or not isinstance(roi.get('Point_px'), list):
        raise RegionError("a region without 'Point_px'")
    name = ' '.join(str(roi.get('Name', '')).split())
    category = find_category(name)
    if category is None:
        return None
    texts = [str(text).strip() for text in roi['Point_px']]
    matches = [_POINT.fullmatch(text) for text in texts if len(text) <= _LONGEST_POINT]
    points = [(float(m[1]), float(m[2])) for m in matches if m]
    if len(points) < len(texts) or not points or not np.isfinite(points).all():
        raise RegionError('a region with an unreadable point or none')
    _check_count('points of a region', len(points), roi.get('NumberOfPoints'))
    return Region(name, category, points)


def mend_dicom(path: Path, target: Path, laterality: str, view: str) -> bool:
    """Write a DICOM mammogram from an image whose header is lost.

    A file whose header states a mammogram is left unchanged. In others, 16 stored bits
    become 12, or 14 or 16 if the brightest pixel needs them: 12 suffice for this data
    set, so views stay comparable. Pixel values are kept, and only the pixel-related
    part of the old header.

    Args:
        path (Path): The raw file.
        target (Path): The file to write, RLE-compressed.
        laterality (str), view (str): As in the COCO-exam format.

    Returns:
        bool: Whether ``target`` was written.

    Raises:
        MammogramError: If the raw file cannot be used.
    """
    with guarded(path):
        ds, _ = load_dataset(path, pixels=False, warnings=ReadingWarnings())
        if code(ds, 'Modality') == 'MG':
            return False
        ds, _ = load_dataset(path, pixels=True, warnings=ReadingWarnings())
        pixels = decode(ds, ReadingWarnings())
        spacing, _ = find_spacing(ds)
        _restore(ds, path.name, laterality, view)
        if spacing is None:
            ds.ImagerPixelSpacing = [PIXEL_MM, PIXEL_MM]
        if pixels.dtype == np.uint16 and ds.BitsStored == 16:
            highest = int(pixels.max())
            ds.BitsStored = next(bits for bits in _DEPTHS if highest < 2**bits)
            ds.HighBit = ds.BitsStored - 1
        ds.compress(RLELossless, pixels, generate_instance_uid=False)
        mended = io.BytesIO()
        dcmwrite(mended, ds, enforce_file_format=True)
    with atomic_path(target) as temporary:
        temporary.write_bytes(mended.getvalue())
    return True


def _restore(ds: Dataset, name: str, laterality: str, view: str) -> None:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid(entropy_srcs=['INbreast', name])
    ds.Modality = 'MG'
    ds.ImageLaterality, ds.ViewPosition = laterality, view
