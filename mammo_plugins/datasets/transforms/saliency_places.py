"""Where in the views of a breast lesions are pasted."""

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

GRID_SIZE = 800  # pixels; the longer side of what is searched, as in the paper


class Wanted(NamedTuple):
    """A patch that a place is wanted for.

    Args:
        view (dict): As ``LoadMammogram`` gives it.
        inside (np.ndarray): (H, W) bool, the breast in its ``img``.
        size (tuple[int]): (h, w) of the patch, in pixels.
        centre (tuple[float]): (x, y) of the lesion in the patch.
    """

    view: dict
    inside: np.ndarray
    size: tuple[int, int]
    centre: tuple[float, float]


class Place(NamedTuple):
    """Where a patch goes in one view.

    Args:
        region (Region): In pixels of the view's image.
        kept (float): Its saliency, as a share of what the view's best place has.
        same_distance (bool): Whether it was chosen with the other view's, at one
            distance from the nipple.
    """

    region: Region
    kept: float
    same_distance: bool


class SaliencyPlaces:
    """Finds the places of the highest saliency.

    Args:
        saliency (SaliencyMaps): Of all views.
        min_inside (float): Least share of a region's pixels that lie in the breast.
        same_distance (bool): Whether lesions of two views come to the same distance
            from the nipple, as :func:`select_region_pair` has it, where the nipples
            of both are known or surely found (:func:`trusted_nipple`); otherwise
            each comes to the best place of its view. Lengths are in mm where both
            views have a pixel spacing, otherwise in pixels.
    """

    def __init__(
        self, saliency: SaliencyMaps, min_inside: float, same_distance: bool
    ) -> None:
        self.saliency = saliency
        self.min_inside = min_inside
        self.same_distance = same_distance
        self._nipples: dict[str, tuple[float, float] | None] = {}

    def find(self, wanted: dict[str, Wanted]) -> dict[str, Place]:
        """Find places; a view without one is left out.

        Large images are searched on a smaller grid.

        Args:
            wanted (dict[str, Wanted]): By the name of the view, at most two.

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
        """Return :func:`trusted_nipple` of a view before anything is pasted."""
        if view['img_path'] not in self._nipples:  # the same in each epoch
            self._nipples[view['img_path']] = trusted_nipple(view)
        return self._nipples[view['img_path']]


def _grid(one: Wanted) -> tuple[float, tuple[int, int]]:
    """Return the scale and the (H, W) of what is searched."""
    shape = one.view['img'].shape
    scale = min(1.0, GRID_SIZE / max(shape))
    return scale, tuple(round(length * scale) for length in shape)


def _on_image(region: Region, one: Wanted) -> Region | None:
    """Bring a region of the grid to the image, at the size of the patch."""
    scale, _ = _grid(one)
    height, width = one.view['img'].shape
    x1 = min(round(region.x1 / scale), width - one.size[1])
    y1 = min(round(region.y1 / scale), height - one.size[0])
    if min(x1, y1) < 0:
        return None
    return Region(x1, y1, x1 + one.size[1], y1 + one.size[0], region.saliency)
