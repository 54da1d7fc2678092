"""Choose where lesions are pasted in the views of a breast."""

from typing import NamedTuple

import cv2
import numpy as np

from mammo_plugins.structures.saliency import SaliencyMaps
from mammo_plugins.synthesis import (
    Region,
    RegionSearch,
    select_region,
    select_region_pair,
)

from .registration import trusted_nipple

GRID_SIZE = 800  # pixels, longer side of the search grid, as in the paper


class Wanted(NamedTuple):
    """A patch that needs a place.

    Args:
        view (dict): From ``LoadMammogram``.
        inside (np.ndarray): (H, W) bool, the breast in its ``img``.
        size (tuple[int]): (h, w) of the patch, in pixels.
        centre (tuple[float]): (x, y) of the lesion in the patch.
    """

    view: dict
    inside: np.ndarray
    size: tuple[int, int]
    centre: tuple[float, float]


class Place(NamedTuple):
    """Place of a patch in one view.

    Args:
        region (Region): In pixels of the view's image.
        kept (float): Its saliency, as a share of that of the view's best place.
        same_distance (bool): Whether it was chosen together with that of the other
            view, at the same distance from the nipple.
    """

    region: Region
    kept: float
    same_distance: bool


class SaliencyPlaces:
    """Finder of the places with the highest saliency.

    Args:
        saliency (SaliencyMaps): Maps of all views.
        min_inside (float): Minimum share of a region's pixels that lie in the breast.
        same_distance (bool): Whether lesions of two views are placed at the same
            distance from the nipple, see :func:`select_region_pair`, if the nipples
            of both are reliable (:func:`trusted_nipple`). Otherwise each is placed at
            the best place of its view. Lengths are in mm if both views have a pixel
            spacing, otherwise in pixels.
    """

    def __init__(
        self, saliency: SaliencyMaps, min_inside: float, same_distance: bool
    ) -> None:
        self.saliency = saliency
        self.min_inside = min_inside
        self.same_distance = same_distance
        self._nipples: dict[str, tuple[float, float] | None] = {}

    def find(self, wanted: dict[str, Wanted]) -> dict[str, Place]:
        """Find places; views without one are left out.

        Large images are searched on a smaller grid.

        Args:
            wanted (dict[str, Wanted]): By the name of the view, at most two views.

        Returns:
            dict[str, Place]: By the name of the view.
        """
        known = all(one.view['pixel_spacing_mm'] for one in wanted.values())
        searches = {name: self._search(one, known) for name, one in wanted.items()}
        best = [
            select_region(
                search.saliency,
                search.height,
                search.width,
                search.allowed,
                search.min_allowed,
            )
            for search in searches.values()
        ]
        found = None
        if (
            self.same_distance
            and len(searches) == 2
            and all(search.nipple for search in searches.values())
        ):
            found = select_region_pair(*searches.values())
        places = {}
        for name, own, region in zip(wanted, best, found or best):
            on_image = region and _on_image(region, wanted[name])
            if on_image:
                places[name] = Place(
                    on_image, region.saliency / own.saliency, found is not None
                )
        return places

    def _search(self, one: Wanted, in_mm: bool) -> RegionSearch:
        scale, (height, width) = _grid(one)
        inside = one.inside
        if scale < 1:
            inside = cv2.resize(
                inside.astype(np.uint8),
                (width, height),
                interpolation=cv2.INTER_NEAREST,
            ).astype(bool)
        rows, columns = (max(1, round(length * scale)) for length in one.size)
        nipple = self.nipple(one.view) if self.same_distance else None
        row, column = one.view['pixel_spacing_mm'] if in_mm else (1.0, 1.0)
        return RegionSearch(
            self.saliency.of(one.view, (height, width)),
            rows,
            columns,
            inside,
            self.min_inside,
            nipple and tuple(scale * length for length in nipple),
            tuple(scale * length for length in one.centre),
            (column / scale, row / scale),
        )

    def nipple(self, view: dict) -> tuple[float, float] | None:
        """Return the :func:`trusted_nipple` of a view before anything is pasted."""
        if view['img_path'] not in self._nipples:  # the same in each epoch
            self._nipples[view['img_path']] = trusted_nipple(view)
        return self._nipples[view['img_path']]


def _grid(one: Wanted) -> tuple[float, tuple[int, int]]:
    """Return the scale and the (H, W) of the search grid."""
    shape = one.view['img'].shape
    scale = min(1.0, GRID_SIZE / max(shape))
    return scale, tuple(round(length * scale) for length in shape)


def _on_image(region: Region, one: Wanted) -> Region | None:
    """Map a region of the grid to the image, with the size of the patch."""
    scale, _ = _grid(one)
    height, width = one.view['img'].shape
    x1 = min(round(region.x1 / scale), width - one.size[1])
    y1 = min(round(region.y1 / scale), height - one.size[0])
    if min(x1, y1) < 0:
        return None
    return Region(x1, y1, x1 + one.size[1], y1 + one.size[0], region.saliency)
