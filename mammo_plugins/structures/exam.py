"""Exam, View and Lesion: the typed content of an annotation file.

Boxes and points are in pixels of the view's own image file, in continuous coordinates:
pixel ``k`` covers ``[k, k + 1)``.
"""

from dataclasses import dataclass, field
from typing import Any

# the only definition of these names; the right breast comes first, as in the hanging
LATERALITIES = ('R', 'L')
VIEWS = ('CC', 'MLO')
EXAM_VIEWS = tuple(side + view for view in VIEWS for side in LATERALITIES)
PARTNERS = ('ipsilateral', 'bilateral')  # of the main view
ROLES = ('main', *PARTNERS)
MODALITIES = ('FFDM', 'CEM-LE', 'CEM-RC', 'SFM')
BIRADS = ('0', '1', '2', '3', '4', '4A', '4B', '4C', '5', '6')
DENSITIES = ('A', 'B', 'C', 'D')
PATHOLOGIES = ('malignant', 'benign')


def with_modality(name: str, modality: str | None = None) -> str:
    """Return a view's name with its modality if there are several: 'CEM-LE RCC'.

    Args:
        name (str): A view name such as 'RCC'.
        modality (str, optional): ``None`` if there is only one; the name is unchanged.
    """
    return f'{modality} {name}' if modality else name


def other_laterality(laterality: str) -> str:
    """Return 'L' for 'R' and 'R' for 'L'."""
    return LATERALITIES[1 - LATERALITIES.index(laterality)]


def other_view(view: str) -> str:
    """Return 'MLO' for 'CC' and 'CC' for 'MLO'."""
    return VIEWS[1 - VIEWS.index(view)]


@dataclass
class Lesion:
    """One lesion as seen in one view.

    Attributes:
        bbox (tuple[float]): (x1, y1, x2, y2) in pixels.
        category_id (int): Category of the annotation file.
        segmentation (list | dict): COCO polygons or RLE; empty when unknown.
        birads (str, optional): Assessment of the lesion.
        pathology (str, optional): 'malignant' or 'benign'.
        lesion_id (str, optional): The same id in CC and MLO.
        ignore (bool): COCO's ``iscrowd``.
    """

    bbox: tuple[float, float, float, float]
    category_id: int
    segmentation: Any = field(default_factory=list)
    birads: str | None = None
    pathology: str | None = None
    lesion_id: str | None = None
    ignore: bool = False


@dataclass
class View:
    """One mammogram.

    Attributes:
        image_id (int): Id in the annotation file.
        file_name (str): Image file relative to the data root.
        width (int), height (int): Size of that file in pixels.
        laterality (str): 'L' or 'R'.
        view (str): 'CC' or 'MLO'.
        modality (str): One of ``MODALITIES``.
        pixel_spacing_mm (tuple[float], optional): (row, column).
        nipple (tuple[float], optional): (x, y) in pixels.
        breast_bbox (tuple[float], optional): (x1, y1, x2, y2) in pixels.
        birads, density (str, optional): As assessed by the radiologist.
        abnormal (bool, optional): Whether the view shows an abnormality.
        pathology (str, optional): 'malignant' or 'benign', of the view or its
            breast, for data sets that do not outline lesions.
        lesions (list[Lesion]): Empty for a normal view.
        extra (dict): Further keys of the annotation file, unchanged.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    laterality: str
    view: str
    modality: str = 'FFDM'
    pixel_spacing_mm: tuple[float, float] | None = None
    nipple: tuple[float, float] | None = None
    breast_bbox: tuple[float, float, float, float] | None = None
    birads: str | None = None
    density: str | None = None
    abnormal: bool | None = None
    pathology: str | None = None
    lesions: list[Lesion] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """str: 'RCC', 'LCC', 'RMLO' or 'LMLO'."""
        return self.laterality + self.view


@dataclass
class Exam:
    """All views of one visit of one patient.

    Attributes:
        exam_id (str), patient_id (str): Pseudonyms.
        views (dict[tuple[str, str, str], View]): Views by
            (laterality, view, modality). A view that was not taken is absent.
    """

    exam_id: str
    patient_id: str
    views: dict[tuple[str, str, str], View] = field(default_factory=dict)

    def get(self, laterality: str, view: str, modality: str = 'FFDM') -> View | None:
        """Return a view, ``None`` if it is absent."""
        return self.views.get((laterality, view, modality))

    def ipsilateral(self, view: View) -> View | None:
        """Return the other projection of the same breast."""
        return self.get(view.laterality, other_view(view.view), view.modality)

    def bilateral(self, view: View) -> View | None:
        """Return the same projection of the other breast."""
        return self.get(other_laterality(view.laterality), view.view, view.modality)
