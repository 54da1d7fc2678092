"""Load a mammogram into the canonical frame."""

from dataclasses import replace
from logging import WARNING
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes, transform_points
from mammo_plugins.datasets.pixel_cache import FULL_SCALE, PixelCache
from mammo_plugins.io import DicomWarnings, read_mammogram
from mammo_plugins.printable import one_line
from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import (
    AnnotationError,
    mask_to_segmentation,
    segmentation_to_mask,
)

from .views import SelectView

_ROWS = 32  # as many rows as fit into the processor's cache at a time
_LEAST_MARGIN = 8  # pixels around the skin that the first layers of a network see


def segmentation_to_canonical(
    segmentation: list | dict, frame: CanonicalFrame
) -> list | dict:
    """Map a COCO segmentation from source to canonical pixels.

    Args:
        segmentation (list | dict): Polygons [[x, y, x, y, ...], ...] or an RLE.
        frame (CanonicalFrame): The frame.

    Returns:
        list | dict: In the same form as the input.
    """
    if isinstance(segmentation, dict):
        mask = segmentation_to_mask(segmentation, segmentation['size'])
        return mask_to_segmentation(frame.image_to_canonical(mask.astype(np.uint8)))
    return [
        transform_points(np.reshape(polygon, (-1, 2)), frame.matrix).ravel().tolist()
        for polygon in segmentation
    ]


@TRANSFORMS.register_module()
class LoadMammogram(BaseTransform):
    """Read a mammogram in 16 bits, cropped to the breast, chest wall on the left.

    Replaces ``LoadImageFromFile`` in any mmdet pipeline. Boxes and masks
    of the annotation are mapped to the same frame, so it comes before
    ``LoadAnnotations``. ``homography_matrix`` starts from the file's own pixels,
    and mmdet's transforms update it: it maps points of the file, such as
    ``nipple``, to the network's input, and its inverse maps anything back.

    Required Keys:

    - img_path, or views with one view of :class:`~mammo_plugins.datasets.ExamDataset`
    - laterality, view (str, optional): from the data set; they take precedence over
      those in the file
    - instances (list[dict], optional)

    Modified Keys:

    - instances: ``bbox`` and ``mask`` in canonical pixels

    Added Keys:

    - img (np.ndarray): (H, W) float32 in [0, 1]
    - img_shape, ori_shape (tuple[int]): (H, W) of the canonical image
    - canonical_frame (dict): :class:`~mammo_plugins.anatomy.CanonicalFrame`
    - homography_matrix (np.ndarray): (3, 3) from file to canonical pixels
    - pixel_cache (PixelCache, optional): for results that later steps compute

    Args:
        cache_dir (str, optional): Folder of the 16-bit pixel cache. Defaults to
            ``None``, no cache.
        crop (bool): Whether to crop to the breast and turn its chest wall to the
            left, and its top up if PatientOrientation states that it is not. Defaults
            to True.
        margin (float): Margin around the breast, as a share of the image's longer side,
            but at least 8 pixels unless it is 0. Defaults to 1 / 64.
        bits_stored (int, optional): Bit depth of 16-bit pictures that do not state it,
            as in :func:`mammo_plugins.io.read_mammogram`, which otherwise estimates it
            for each image. Defaults to ``None``.
    """

    def __init__(
        self,
        cache_dir: str | None = None,
        crop: bool = True,
        margin: float = 1 / 64,
        bits_stored: int | None = None,
    ) -> None:
        if not 0 <= margin < 1:
            raise ValueError(
                f"margin: expected a share of the image's longer side, from 0 to less "
                f'than 1, got {margin}; 8 pixels of 512 are 8 / 512'
            )
        self.cache = PixelCache(cache_dir) if cache_dir else None
        self.crop = crop
        self.margin = margin
        self.bits_stored = bits_stored
        self._warned: set[str] = set()

    def _read(
        self, path: str, laterality: str | None, view: str | None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return (H, W) uint16 pixels in the canonical frame, and the frame."""
        mammogram = read_mammogram(path, bits_stored=self.bits_stored)
        pixels = mammogram.pixels
        if self.crop:
            margin = round(self.margin * max(pixels.shape))
            frame = CanonicalFrame.of(
                pixels,
                max(_LEAST_MARGIN, margin) if self.margin else 0,
                mammogram.orientation,
                laterality or mammogram.laterality,
                view or mammogram.view,
            )
        else:
            height, width = pixels.shape
            frame = CanonicalFrame(width, height, (0, 0, width, height), False)
        frame = replace(frame, warnings=tuple(map(tuple, mammogram.warnings)))
        levels = frame.image_to_canonical(pixels)
        image = np.empty(levels.shape, np.uint16)
        for top in range(0, len(levels), _ROWS):
            image[top : top + _ROWS] = np.rint(levels[top : top + _ROWS] * FULL_SCALE)
        return image, frame.to_dict()

    def load(
        self, path: str, laterality: str | None = None, view: str | None = None
    ) -> tuple[np.ndarray, CanonicalFrame]:
        """Read one file, through the cache if there is one.

        Args:
            path (str): Any file that ``read_mammogram`` reads.
            laterality (str, optional), view (str, optional): 'L' or 'R', 'CC' or
                'MLO', used to interpret PatientOrientation. Defaults to ``None``,
                the values in the file.

        Returns:
            tuple: (H, W) float32 pixels in [0, 1] and their frame.

        Raises:
            MammogramError: If the file is not a usable mammogram.
        """
        if self.cache is None:
            image, facts = self._read(path, laterality, view)
        else:
            image, facts = self.cache.get(
                path,
                lambda: self._read(path, laterality, view),
                key=self._key(laterality, view),
            )
        return (
            np.divide(image, np.float32(FULL_SCALE), dtype=np.float32),
            CanonicalFrame.from_dict(facts),
        )

    def _key(self, laterality: str | None, view: str | None) -> str:
        return (
            f'crop={self.crop} margin={self.margin} '
            f'bits={self.bits_stored} as={laterality} {view}'
        )

    def is_cached(
        self, path: str, laterality: str | None = None, view: str | None = None
    ) -> bool:
        """Return whether the cache has an entry for a file, valid or not."""
        return (
            self.cache is not None
            and self.cache.entry_path(path, self._key(laterality, view)).is_file()
        )

    def transform(self, results: dict) -> dict:
        """Load the image and map its annotation to the canonical frame."""
        if 'img_path' not in results:
            results = self._only_view(results)
        with DicomWarnings() as warned:
            image, frame = self.load(
                results['img_path'], results.get('laterality'), results.get('view')
            )
        for kind in sorted(warned.kinds - self._warned):
            print_log(
                f'{one_line(results["img_path"])}: pydicom warns: {kind}; further '
                'such files are not named',
                logger='current',
                level=WARNING,
            )
        self._warned |= warned.kinds
        stated = results.get('width'), results.get('height')
        actual = frame.source_width, frame.source_height
        if None not in stated and stated != actual:
            raise AnnotationError(
                f'{one_line(results["img_path"])}: the file is {actual[0]} x '
                f'{actual[1]} pixels (w x h), the annotation file states '
                f'{stated[0]} x {stated[1]}; boxes must be in the pixels of the '
                'file'
            )
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape
        results['canonical_frame'] = frame.to_dict()
        results['homography_matrix'] = frame.matrix.astype(np.float32)
        results['pixel_cache'] = self.cache
        if 'instances' in results:
            results['instances'] = self._map_instances(results['instances'], frame)
        return results

    @staticmethod
    def _only_view(results: dict) -> dict:
        """Return the only view of an ExamDataset sample, for mmdet's steps."""
        views = results.get('views', {})
        if len(views) != 1:
            raise KeyError(
                f'LoadMammogram: the sample has {len(views)} views '
                f'({", ".join(views)}) and no img_path; put mammo.SelectView before '
                'it, or it into mammo.ForEachView'
            )
        return SelectView(*views).transform(results)

    @staticmethod
    def _map_instances(instances: list[dict], frame: CanonicalFrame) -> list[dict]:
        mapped = []
        for instance in instances:
            instance = dict(instance)
            instance['bbox'] = transform_boxes(instance['bbox'], frame.matrix)[
                0
            ].tolist()
            if instance.get('mask'):
                instance['mask'] = segmentation_to_canonical(instance['mask'], frame)
            mapped.append(instance)
        return mapped

    def __repr__(self) -> str:
        folder = None if self.cache is None else str(self.cache.folder)
        return (
            f'{type(self).__name__}(cache_dir={folder!r}, '
            f'crop={self.crop}, margin={self.margin}, '
            f'bits_stored={self.bits_stored})'
        )
