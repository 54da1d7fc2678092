"""Find nipples and register the other breast in a pipeline."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks

from mammo_plugins.anatomy import (
    BreastContour,
    Registration,
    find_nipple,
    register_contralateral,
    transform_points,
)
from mammo_plugins.anatomy.nipple import SURE
from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import LATERALITIES, VIEWS, with_modality

from .random_geometry import refusal, was_moved

_POINTS_A_SIDE = 8  # points per side of a box, enough to follow a warp's curvature


def recalled(views: Sequence[dict], what: str, make: Callable[[], Any]) -> Any:
    """Return a result for views from the pixel cache, or compute and store it.

    Args:
        views (Sequence[dict]): With ``img``, ``img_path``, ``homography_matrix`` and
            the ``pixel_cache`` of ``LoadMammogram``; without a cache nothing is stored.
        what (str): Name of the result, with all that it depends on in addition to the
            loaded, resized and oriented images.
        make (callable): Computes the result, which JSON must represent exactly.
    """
    cache = views[0].get('pixel_cache')
    if cache is None:
        return make()
    state = [
        (view['img'].shape, np.asarray(view['homography_matrix']).tolist())
        for view in views
    ]
    return cache.recall([view['img_path'] for view in views], f'{what} {state}', make)


def nipple_in_image(results: dict) -> tuple[float, float] | None:
    """Return a view's nipple in pixels of its current image.

    Args:
        results (dict): A view with ``nipple`` in pixels of the file, or ``None``,
            and ``homography_matrix``.

    Returns:
        tuple[float] or None: (x, y).
    """
    if results.get('nipple') is None:
        return None
    return tuple(
        transform_points(results['nipple'], results['homography_matrix']).tolist()
    )


def annotated_nipple(view: dict) -> tuple[float, float] | None:
    """Return a view's nipple in pixels of its file, unless it is from the contour.

    Nipples from the contour can be found again, which also yields their confidence.

    Args:
        view (dict): With ``nipple`` and ``nipple_source``.

    Returns:
        tuple[float] or None: (x, y).
    """
    return None if view.get('nipple_source') == 'contour' else view.get('nipple')


def _landmark(results: dict) -> tuple[float, float] | None:
    """Return the annotated nipple of a view in pixels of its current image."""
    return nipple_in_image(dict(results, nipple=annotated_nipple(results)))


def trusted_nipple(results: dict) -> tuple[float, float] | None:
    """Return a view's nipple in pixels of its image, if it is reliable.

    This is the nipple from a person or a detector, otherwise the one on the skin line
    if its confidence suffices for the registration of both breasts. The file does not
    contain the confidence of a nipple from the skin line, so that one is found again.

    Args:
        results (dict): As for :class:`LocateNipple`.

    Returns:
        tuple[float] or None: (x, y).
    """
    return _landmark(results) or nipple_in_image(
        LocateNipple(SURE).transform(dict(results, nipple=None))
    )


@TRANSFORMS.register_module()
class LocateNipple(BaseTransform):
    """Find the nipple of a view if the annotation has none.

    Uses :func:`~mammo_plugins.anatomy.find_nipple` on the current image, so it must
    come before flips. If ``LoadMammogram`` has a pixel cache, each nipple is found only
    once. ``mammo nipples`` writes the nipples of a trained detector permanently into an
    annotation file.

    Required Keys:

    - img, homography_matrix
    - nipple (tuple[float] | None): in pixels of the file
    - view (str)

    Modified Keys:

    - nipple, nipple_source: 'contour' if it was found here

    Args:
        least_confidence (float): Nipples with a lower confidence stay missing, see
            :class:`~mammo_plugins.anatomy.Nipple`; 0.31 leaves out all that are
            not in profile. Defaults to 0.
    """

    def __init__(self, least_confidence: float = 0.0) -> None:
        self.least_confidence = least_confidence

    def transform(self, results: dict) -> dict:
        """Fill a missing nipple."""
        if results.get('nipple') is None:
            found = recalled(
                [results], f'nipple {results.get("view")}', lambda: self._find(results)
            )
            if found is not None and found['confidence'] >= self.least_confidence:
                inverse = np.linalg.inv(results['homography_matrix'])
                results['nipple'] = tuple(
                    transform_points((found['x'], found['y']), inverse).tolist()
                )
                results['nipple_source'] = 'contour'
        return results

    @staticmethod
    def _find(results: dict) -> dict | None:
        found = find_nipple(results['img'], results.get('view'))
        return (
            None
            if found is None
            else {name: float(value) for name, value in asdict(found).items()}
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(least_confidence={self.least_confidence})'


class _Registers(BaseTransform):
    """Base class for registering views, which caches contours and registrations.

    Contours cannot be found in a breast that was randomly flipped, cropped or rotated,
    and such a breast differs in each epoch. This is refused by
    :func:`check_registration` when a data set is built, and here if a view shows it.
    """

    registers = True
    # whether all views may be moved afterwards, in the same way
    shared_after = True

    @staticmethod
    def _contour(view: dict) -> BreastContour:
        return BreastContour.from_dict(
            recalled([view], 'contour', lambda: BreastContour.of(view['img']).to_dict())
        )

    def _register(self, main: dict, other: dict) -> Registration:
        """Register another view onto a main one.

        Raises:
            ValueError: If one of them was moved since it was loaded.
        """
        for view in (main, other):
            what = was_moved(view)
            if what is not None:
                raise ValueError(refusal(type(self).__name__, self, what))
        nipples = _landmark(main), _landmark(other)
        return Registration.from_dict(
            recalled(
                [main, other],
                f'registration {nipples} {main.get("view")}',
                lambda: register_contralateral(
                    main['img'],
                    other['img'],
                    *nipples,
                    main.get('view'),
                    (self._contour(main), self._contour(other)),
                ).to_dict(),
            )
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class RegisterSides(_Registers):
    """Register both breasts of an exam onto each other without changing the images.

    For NaFV-Net, which blends lesions into the mirrored position in the other breast;
    see :func:`~mammo_plugins.anatomy.register_contralateral`. It comes after resizing.
    Random geometric transforms before or after it are refused, because they would
    invalidate the registration.

    Required Keys:

    - views (dict[str, dict]): of :class:`ExamDataset` with ``target='exam'``

    Added Keys, of each view whose other side is available:

    - contralateral (Registration): from the other side onto this view

    Args:
        modality (str, optional): Modality of the views, such as 'CEM-LE', if there are
            several. Defaults to ``None``.

    Raises:
        ValueError: If a view was moved since it was loaded.
    """

    shared_after = False

    def __init__(self, modality: str | None = None) -> None:
        self.modality = modality

    def transform(self, results: dict) -> dict:
        """Register."""
        views = results['views'] = dict(results['views'])
        for projection in VIEWS:
            for side, opposite in (LATERALITIES, LATERALITIES[::-1]):
                name, other = (
                    with_modality(s + projection, self.modality)
                    for s in (side, opposite)
                )
                if name in views and other in views:
                    views[name] = dict(
                        views[name],
                        contralateral=self._register(views[name], views[other]),
                    )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(modality={self.modality!r})'


@TRANSFORMS.register_module()
class RegisterContralateral(_Registers):
    """Warp the image of the other breast onto the main one.

    MommiNet-v2, section 3.3; see
    :func:`~mammo_plugins.anatomy.register_contralateral`. It comes after resizing
    and refuses to run after random geometric transforms. These must come later and be
    shared by all views. Annotations are warped with the image. A sample without
    ``bilateral`` is left unchanged.

    With ``register_features``, which is not from the paper, the other breast and its
    annotations are left unchanged, and the main view stores the registration: a
    :class:`BiDualNet` with the same setting registers features.

    Required Keys:

    - views (dict[str, dict]): ``main`` and perhaps ``bilateral``

    Modified Keys, of ``views['bilateral']``:

    - img, img_shape: of the main view's shape
    - gt_bboxes, gt_masks, gt_seg_map: if present; the new boxes enclose the warped
      outlines of the old ones
    - homography_matrix: the affine map from the file that is correct at the nipple
      and near it; a warp has no matrix

    Added Keys, of ``views['bilateral']``:

    - registration (str): 'warped', or 'aligned' if it fell back to alignment
    - registration_reason (str): why it fell back
    - registration_warnings (tuple[str]): warnings of the registration, see
      :class:`~mammo_plugins.anatomy.Registration`

    Added Keys with ``register_features``, of ``views['main']``:

    - contralateral (Registration): from the other breast's image onto this one

    and of both:

    - registered_at (np.ndarray): ``homography_matrix`` at this point

    Args:
        register_features (bool): Whether to register features instead of images.
            Defaults to False.

    Raises:
        ValueError: If a view was moved since it was loaded.
    """

    def __init__(self, register_features: bool = False) -> None:
        self.register_features = register_features

    def transform(self, results: dict) -> dict:
        """Register."""
        if 'bilateral' not in results['views']:
            return results
        main = results['views']['main']
        other = dict(results['views']['bilateral'])
        registration = self._register(main, other)
        if self.register_features:
            main = dict(main, contralateral=registration)
            for view in (main, other):
                view['registered_at'] = view['homography_matrix']
        else:
            self._warp(other, registration)
        other['registration'] = registration.status
        other['registration_warnings'] = registration.warnings
        if registration.reason is not None:
            other['registration_reason'] = registration.reason
        results['views'] = {**results['views'], 'main': main, 'bilateral': other}
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(register_features={self.register_features})'

    @staticmethod
    def _warp(view: dict, registration: Registration) -> None:
        height, width = view['img'].shape[:2]
        anchor = nipple_in_image(view) or (width / 2, height / 2)
        view['homography_matrix'] = (
            _affine_at(registration, anchor) @ view['homography_matrix']
        ).astype(np.float32)
        maps = registration.pixel_maps()
        view['img'] = registration.warp_image(view['img'], maps=maps)
        view['img_shape'] = view['img'].shape[:2]
        if 'gt_seg_map' in view:
            view['gt_seg_map'] = registration.warp_image(
                view['gt_seg_map'], cv2.INTER_NEAREST, maps
            )
        if 'gt_bboxes' in view:
            boxes = view['gt_bboxes'].numpy().reshape(-1, 4)
            view['gt_bboxes'] = HorizontalBoxes(
                _warp_boxes(boxes, registration).astype(np.float32)
            )
        if 'gt_masks' in view:
            masks = [
                registration.warp_image(mask, cv2.INTER_NEAREST, maps)
                for mask in view['gt_masks'].to_ndarray()
            ]
            view['gt_masks'] = BitmapMasks(masks, *registration.shape)


def _affine_at(registration: Registration, anchor: tuple[float, float]) -> np.ndarray:
    """Return the (3, 3) tangent map of a registration at a point."""
    x, y = anchor
    at, right, below = registration.map_points(
        np.array([[x, y], [x + 1, y], [x, y + 1]])
    )
    matrix = np.eye(3)
    matrix[:2, 0], matrix[:2, 1] = right - at, below - at
    matrix[:2, 2] = at - matrix[:2, :2] @ (x, y)
    return matrix


def _warp_boxes(boxes: np.ndarray, registration: Registration) -> np.ndarray:
    """Map the outlines of boxes and return the boxes that enclose them.

    Args:
        boxes (np.ndarray): (N, 4).
        registration (Registration): Registration of the image.
    """
    if not len(boxes):
        return boxes
    x1, y1, x2, y2 = boxes.T[..., None]
    along = np.linspace(0, 1, _POINTS_A_SIDE)
    x, y = x1 + (x2 - x1) * along, y1 + (y2 - y1) * along
    outline = np.concatenate(
        [
            np.stack(pair, -1)
            for pair in (
                (x, y1 + 0 * x),
                (x, y2 + 0 * x),
                (x1 + 0 * y, y),
                (x2 + 0 * y, y),
            )
        ],
        axis=1,
    )
    mapped = registration.map_points(outline)
    height, width = registration.shape
    corners = np.concatenate([mapped.min(axis=1), mapped.max(axis=1)], axis=1)
    return corners.clip(0, [width, height, width, height])
