"""Paste lesions from a bank into normal mammograms in the pipeline."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mammo_plugins.anatomy import CanonicalFrame, mask_bbox, transform_points
from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import AnnotationError, LesionBank

from .bank_lesions import (
    Patch,
    box_as_resized,
    check_bank,
    draw_centres,
    lesion_size,
    resizing,
    tissue_mask,
    turned_patch,
)
from .synthesis import small_breast_mask


def _grown(mask: np.ndarray, distance: float) -> np.ndarray:
    """Dilate a mask by a distance in pixels."""
    off = cv2.distanceTransform(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return off <= distance


def _bounds(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns that bound the true pixels of a mask."""
    left, top, right, bottom = mask_bbox(mask)
    return slice(top, bottom), slice(left, right)


@TRANSFORMS.register_module()
class PasteLesion(BaseTransform):
    """Paste a random lesion into a normal view, for the generator to blend.

    Lin et al., sections 2.1 and 3: "randomly select a region in a normal breast
    mammogram and a real lesion", "randomly resize and rotate the input lesion". The
    ranges are not stated. Before the random resize, lesions have their size in mm if
    both spacings are known. They lie in the breast, outside the pectoral muscle.
    Nothing is pasted over air, and air around the lesion in a patch is not pasted.

    Use it in the pipeline of a :class:`BlendingDataset`, after its views are loaded
    and resized. The bank must come from the training split, or from another data set.

    Required Keys:

    - views (dict[str, dict]): with 'normal'
    - dataset, test_mode

    Modified Keys:

    - views['normal']: with ``pasted_img`` (H, W) float32, ``paste_region`` (H, W)
      bool, ``lesion_mask`` (H, W) bool, and ``paste``: the lesion's ``file_name`` and
      ``box``, its ``pathology``, the lesion's ``centre`` (x, y) in pixels of the file,
      ``scale``, ``angle`` and ``seed``

    The result is ``None`` if the lesion fits nowhere in the breast. The data set then
    draws another view.

    Args:
        bank (str | LesionBank): File written by ``mammo lesion-bank``, or the bank.
        scale_range (Sequence[float]): Range of the random resize. Defaults to
            (0.8, 1.25).
        max_angle (float): Maximum rotation in either direction, in degrees. Defaults to
            180.
        min_inside (float): Minimum share of the lesion's box in the breast and outside
            the muscle. Defaults to 0.9.
        margin (float, optional): Width of the pasted rim around the lesion's outline,
            as a multiple of the square root of its area; further out, tissue of the
            donor breast leaves dark seams. Defaults to ``None``, the whole patch.
        noise (bool): Whether to replace the lesion's pixels by noise, as for the
            adversarial model without prior information in figure 4. Defaults to False.
    """

    def __init__(
        self,
        bank: str | LesionBank,
        scale_range: Sequence[float] = (0.8, 1.25),
        max_angle: float = 180.0,
        min_inside: float = 0.9,
        margin: float | None = None,
        noise: bool = False,
    ) -> None:
        if not 0 < scale_range[0] <= scale_range[1]:
            raise ValueError(
                f'PasteLesion.scale_range: {tuple(scale_range)}; expected '
                'two factors above 0, the smaller first'
            )
        self.bank = LesionBank.read(bank) if isinstance(bank, str) else bank
        self.scale_range = tuple(scale_range)
        self.max_angle = max_angle
        self.min_inside = min_inside
        self.margin = margin
        self.noise = noise

    def transform(self, results: dict) -> dict | None:
        """Paste a lesion into the normal view.

        Raises:
            AnnotationError: If the data set is for validation or test, or the bank
                contains its lesions from outside its training split.
        """
        check_bank(self, results)
        seed = int(np.random.randint(2**31))
        view = self.paste(results['views']['normal'], seed)
        if view is None:
            return None
        results['views'] = dict(results['views'], normal=view)
        return results

    def paste(self, view: dict, seed: int) -> dict | None:
        """Paste a lesion into a view.

        Args:
            view (dict): From ``LoadMammogram`` and geometric transforms.
            seed (int): Seed for all random draws.

        Returns:
            dict: A copy with the keys listed for the class; ``None`` if the lesion fits
            nowhere.
        """
        rng = np.random.default_rng(seed)
        lesion = self.bank[int(rng.integers(len(self.bank)))]
        scale = float(np.exp(rng.uniform(*np.log(self.scale_range))))
        angle = float(rng.uniform(-self.max_angle, self.max_angle))
        height, width = lesion_size(lesion, view)
        along_x, along_y = resizing(view)
        patch = turned_patch(
            lesion,
            (max(round(height * scale), 1), max(round(width * scale), 1)),
            angle,
            along_y / along_x,
        )
        if not patch.lesion.any():
            return None
        if self.margin is not None:
            patch = patch._replace(
                region=patch.region
                & _grown(patch.lesion, self.margin * np.sqrt(patch.lesion.sum()))
            )
        part = _bounds(patch.region)
        patch = Patch(*(array[part] for array in patch))
        image = view['img']
        inside = small_breast_mask(image)
        window = self._window(view, inside, patch, rng)
        if window is None:
            return None
        pixels = patch.pixels
        if self.noise:
            pixels = rng.random(pixels.shape, dtype=np.float32)
        breast = cv2.resize(
            inside.astype(np.uint8), image.shape[::-1], interpolation=cv2.INTER_NEAREST
        )[window].astype(bool)
        patch = Patch(pixels, patch.region & breast, patch.lesion & breast)
        if not patch.lesion.any():
            return None
        pasted = image.copy()
        pasted[window][patch.region] = pixels[patch.region]
        masks: dict[str, np.ndarray] = {}
        for name, part in (
            ('paste_region', patch.region),
            ('lesion_mask', patch.lesion),
        ):
            masks[name] = np.zeros(image.shape, bool)
            masks[name][window] = part
        rows, columns = _bounds(masks['lesion_mask'])
        centre = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2
        to_file = np.linalg.inv(view['homography_matrix'])
        return dict(
            view,
            pasted_img=pasted,
            **masks,
            paste=dict(
                file_name=lesion.file_name,
                box=list(lesion.box),
                pathology=lesion.pathology,
                centre=transform_points(centre, to_file).tolist(),
                scale=scale,
                angle=angle,
                seed=seed,
                flipped=CanonicalFrame.from_dict(view['canonical_frame']).flipped,
            ),
        )

    def _window(
        self, view: dict, inside: np.ndarray, patch: Patch, rng: np.random.Generator
    ) -> tuple[slice, slice] | None:
        """Draw a window for the patch in the image, or ``None`` if it fits nowhere."""
        image, lesion = view['img'], _bounds(patch.lesion)
        (centre,) = draw_centres(
            tissue_mask(view, inside),
            image.shape,
            [tuple(side.stop - side.start for side in lesion)],
            rng,
            self.min_inside,
        )
        if centre is None:
            return None
        window = []
        for length, extent, side, middle in zip(
            image.shape, patch.region.shape, lesion, centre[::-1]
        ):
            if extent > length:
                return None
            start = int(np.floor(middle - (side.start + side.stop) / 2 + 0.5))
            start = min(max(start, 0), length - extent)
            window.append(slice(start, start + extent))
        return tuple(window)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(bank of {len(self.bank)} lesions of '
            f'{self.bank.dataset}, scale_range={self.scale_range}, '
            f'max_angle={self.max_angle}, min_inside={self.min_inside}, '
            f'margin={self.margin}, noise={self.noise})'
        )


@TRANSFORMS.register_module()
class CropToLesion(BaseTransform):
    """Crop a sample of :class:`BlendingDataset` to windows around a lesion.

    Lin et al. show the generator the whole image. A window needs less time and
    memory, and shows the discriminator more of lesions. The generator then also runs on
    windows when images are created (:func:`~mammo_plugins.apis.blend_by`).

    Use it after :class:`PasteLesion`.

    Required Keys:

    - views: 'normal', from :class:`PasteLesion`, and 'real', with ``instances``

    Modified Keys:

    - views['normal']: ``img``, ``pasted_img``, ``paste_region`` and ``lesion_mask``
      around the region
    - views['real']: ``img`` around a random lesion

    Args:
        size (Sequence[int]): (height, width) of the windows in pixels.
    """

    KEYS = ('img', 'pasted_img', 'paste_region', 'lesion_mask')

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(size)

    def transform(self, results: dict) -> dict:
        """Crop both views."""
        normal, real = results['views']['normal'], results['views']['real']
        window = self.window(normal)
        lesion = real['instances'][np.random.randint(len(real['instances']))]
        x1, y1, x2, y2 = box_as_resized(lesion['bbox'], real)
        around = self._around(real['img'].shape, ((y1 + y2) / 2, (x1 + x2) / 2))
        results['views'] = dict(
            normal=dict(normal, **{key: normal[key][window] for key in self.KEYS}),
            real=dict(real, img=real['img'][around]),
        )
        return results

    def window(self, view: dict) -> tuple[slice, slice]:
        """Return the window around a view's pasted lesion.

        Args:
            view (dict): From :meth:`PasteLesion.paste`.

        Returns:
            tuple[slice, slice]: Rows and columns.

        Raises:
            AnnotationError: If the image is smaller than the window, or the pasted
                region is larger than the window.
        """
        rows, columns = _bounds(view['paste_region'])
        region = rows.stop - rows.start, columns.stop - columns.start
        if any(np.greater(region, self.size)):
            raise AnnotationError(
                f'CropToLesion.size: {self.size}; a pasted lesion needs {region} '
                'pixels; set a larger one'
            )
        return self._around(
            view['img'].shape,
            ((rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2),
        )

    def _around(
        self, shape: tuple[int, int], centre: tuple[float, float]
    ) -> tuple[slice, slice]:
        if any(extent > length for extent, length in zip(self.size, shape)):
            raise AnnotationError(
                f'CropToLesion.size: {self.size}; expected at most '
                f'the size of the images, {shape}'
            )
        starts = [
            int(np.clip(round(middle - extent / 2), 0, length - extent))
            for middle, extent, length in zip(centre, self.size, shape)
        ]
        return tuple(
            slice(start, start + extent) for start, extent in zip(starts, self.size)
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size})'


@TRANSFORMS.register_module()
class PackBlendingInputs(BaseTransform):
    """Pack a sample of :class:`BlendingDataset` for :class:`BlendingGAN`.

    Batches are created by ``default_collate``, so all images must have the same size.

    Required Keys:

    - views: 'normal', from :class:`PasteLesion`, and 'real'

    Added Keys:

    - inputs (dict[str, Tensor]): ``normal``, ``pasted``, ``mask`` and ``real``, each
      (1, H, W) float32
    """

    def transform(self, results: dict) -> dict:
        """Pack the sample."""
        normal, real = results['views']['normal'], results['views']['real']
        images = dict(
            normal=normal['img'],
            pasted=normal['pasted_img'],
            mask=normal['paste_region'],
            real=real['img'],
        )
        return dict(
            inputs={
                name: torch.from_numpy(np.ascontiguousarray(image, np.float32))[None]
                for name, image in images.items()
            }
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
