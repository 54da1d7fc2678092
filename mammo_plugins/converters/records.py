"""Records of a raw data set's content, built before any pixel is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from mammo_plugins.io.image_kind import EXCLUDED, SUBSTITUTES
from mammo_plugins.printable import one_line
from mammo_plugins.structures import (
    BIRADS,
    DENSITIES,
    LATERALITIES,
    MODALITIES,
    PATHOLOGIES,
    VIEWS,
)

_LONGEST = 1000  # characters of a text about an item left out
_LONG_WORD = re.compile(r'(\S{60})\S{196,}')  # longer than file names
UNUSABLE = 'image that cannot be used'  # the reason of such skips


class ConversionError(ValueError):
    """A raw data set that cannot be converted; the message states the remedy.

    Args:
        message (str): What is wrong and what to do.
        catalogue (Catalogue, optional): What was left out until then, for the list.
    """

    def __init__(self, message: str, catalogue: Optional['Catalogue'] = None) -> None:
        super().__init__(one_line(message))
        self.catalogue = catalogue


def _check(owner: Any, **allowed: Sequence[str]) -> None:
    for name, options in allowed.items():
        value = getattr(owner, name)
        if value not in options:
            raise ValueError(
                f'{type(owner).__name__}.{name}: {value!r}; expected one of {options}'
            )


@dataclass
class RawLesion:
    """A lesion from the raw annotation, in pixels of the raw image.

    The outline is given in one of three ways; if there are several, the first of mask,
    polygons and box is used. A mask that differs in size from its image is stretched to
    it.

    Attributes:
        category (str): Name of one of the converter's ``categories``.
        box (tuple[float], optional): (x1, y1, x2, y2), continuous pixels.
        polygons (list[list[tuple[float]]]): Closed outlines of (x, y).
        mask_file (Path, optional): A picture or DICOM file, bright in the lesion.
        birads, pathology, lesion_id (str, optional): As in the COCO-exam format.
    """

    category: str
    box: tuple[float, float, float, float] | None = None
    polygons: list[list[tuple[float, float]]] = field(default_factory=list)
    mask_file: Path | None = None
    birads: str | None = None
    pathology: str | None = None
    lesion_id: str | None = None

    def __post_init__(self) -> None:
        _check(self, birads=(None, *BIRADS), pathology=(None, *PATHOLOGIES))


@dataclass
class RawView:
    """A mammogram of a raw data set with all facts from its tables.

    Attributes:
        file (Path): The raw image, relative to the raw folder.
        exam_id (str), patient_id (str): The data set's own pseudonyms.
        laterality (str), view (str), modality (str): As in the COCO-exam format.
        image_kind (str, optional): The image kind that the tables state, as in
            :mod:`~mammo_plugins.io.image_kind`; it takes precedence over the header.
        part (str, optional): 'train', 'val' or 'test' of the official split.
        birads, density, pathology (str, optional): Labels of the view or its breast.
        abnormal (bool, optional): Whether the view shows an abnormality.
        pixel_spacing_mm (tuple[float], optional): (row, column) if the file does not
            state it.
        size (tuple[int], optional): (height, width) from the tables; lesions are in
            these pixels.
        nipple (tuple[float], optional): (x, y) in pixels.
        lesions (list[RawLesion]): Empty for a normal view.
        extra (dict): Additional JSON keys of the image.
    """

    file: Path
    exam_id: str
    patient_id: str
    laterality: str
    view: str
    modality: str = 'FFDM'
    image_kind: str | None = None
    part: str | None = None
    birads: str | None = None
    density: str | None = None
    pathology: str | None = None
    abnormal: bool | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    nipple: tuple[float, float] | None = None
    lesions: list[RawLesion] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(
            self,
            laterality=LATERALITIES,
            view=VIEWS,
            modality=MODALITIES,
            image_kind=(None, *SUBSTITUTES, *EXCLUDED),
            part=(None, 'train', 'val', 'test'),
            birads=(None, *BIRADS),
            density=(None, *DENSITIES),
            pathology=(None, *PATHOLOGIES),
        )


@dataclass(frozen=True)
class Skip:
    """An item of the raw data that is left out.

    Attributes:
        item (str): A file or a table row, without personal data.
        reason (str): Why, in the same words for the same cause, for counting.
        detail (str): Details of this item.
    """

    item: str
    reason: str
    detail: str = ''

    def __str__(self) -> str:
        return f'{self.item}: {self.reason}' + (self.detail and f' ({self.detail})')


def _cut(text: str) -> str:
    text = _LONG_WORD.sub(_cut_word, text)
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]} ...'


def _cut_word(word: re.Match) -> str:
    return word[0] if '/' in word[0].strip('/') else f'{word[1]} ...'


@dataclass
class Catalogue:
    """Everything that a converter finds.

    Attributes:
        views (list[RawView]): In the order of the output.
        skipped (list[Skip]): Items left out, and why.
        notes (list[str]): What the user should know about the data.
    """

    views: list[RawView] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, item: Any, reason: str, detail: str = '') -> None:
        """Record an item as left out; very long quotations of cells are truncated."""
        self.skipped.append(Skip(_cut(str(item)), reason, _cut(detail)))
