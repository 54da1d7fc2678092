"""Size, rotation and position of a bank's lesions on a mammogram."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mammo_plugins.anatomy import CanonicalFrame, pectoral_edge, transform_boxes
from mammo_plugins.structures import AnnotationError, BankLesion
from mammo_plugins.synthesis import sample_positions

from .geometric import resized
from .synthesis import MASK_SIZE


class Patch(NamedTuple):
    """A lesion, ready to paste.

    Attributes:
        pixels (np.ndarray): (h, w) float32 in [0, 1].
        region (np.ndarray): (h, w) bool, valid pixels: those of the breast that the
            lesion was cut from.
        lesion (np.ndarray): (h, w) bool, inside the lesion's outline.
    """

    pixels: np.ndarray
    region: np.ndarray
    lesion: np.ndarray


def resizing(view: dict) -> np.ndarray:
    """Return the factors by which a view was resized along x and y.

    Args:
        view (dict): From ``LoadMammogram`` and geometric transforms.
    """
    return np.linalg.norm(view['homography_matrix'][:2, :2], axis=1)


def box_as_resized(box: Sequence[float], view: dict) -> np.ndarray:
    """Map a box (x1, y1, x2, y2) from a view's canonical frame to its ``img``.

    Args:
        box (Sequence[float]): Box as at the start of a data set's pipeline.
        view (dict): From ``LoadMammogram`` and geometric transforms.
    """
    frame = CanonicalFrame.from_dict(view['canonical_frame'])
    return transform_boxes(box, view['homography_matrix'] @ frame.inverse)[0]


def lesion_size(lesion: BankLesion, view: dict) -> tuple[int, int]:
    """Return (height, width) in pixels of a bank's lesion at the scale of a view.

    The size in mm is kept if both spacings are known, otherwise the size relative to
    the height of the breast.

    Args:
        lesion (BankLesion): The lesion.
        view (dict): From ``LoadMammogram`` and geometric transforms.
    """
    known = lesion.pixel_spacing_mm, view['pixel_spacing_mm']
    if None in known:
        to_file = view['ori_shape'][0] / lesion.image_shape[0]
    else:
        to_file = np.divide(*known)
    size = np.rint(np.multiply(lesion.levels.shape, to_file) * resizing(view)[::-1])
    return tuple(np.maximum(size, 1).astype(int).tolist())


def turned_patch(
    lesion: BankLesion, size: tuple[int, int], angle: float, aspect: float = 1.0
) -> Patch:
    """Resize a lesion and rotate it about its centre without cutting anything off.

    Args:
        lesion (BankLesion): The lesion.
        size (tuple[int]): (height, width) before rotation.
        angle (float): In degrees, anti-clockwise, in the file.
        aspect (float): The view's resize factor along y divided by that along x, so
            that the rotated lesion keeps its shape in the file. Defaults to 1.
    """
    # isotropic, at the coarser of both scales: later steps only enlarge
    coarse = min(1.0, aspect)
    width = max(round(size[1] * coarse), 1)
    height = max(round(size[0] / aspect * coarse), 1)
    turn = (
        np.diag([1 / coarse, aspect / coarse])
        @ cv2.getRotationMatrix2D((0, 0), angle, 1.0)[:, :2]
    )
    corners = np.abs(turn @ [[width, width], [height, -height]]).max(axis=1)
    out = np.maximum(np.ceil(corners - 1e-6), 1).astype(int)  # width, height
    # OpenCV's origin is the centre of the first pixel
    middle = np.subtract((width, height), 1) / 2
    matrix = np.column_stack([turn, (out - 1) / 2 - turn @ middle])

    def warp(image: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(
            resized(image.astype(np.float32), (height, width)),
            matrix,
            out.tolist(),
            flags=cv2.INTER_LINEAR,
        )

    tissue = warp(lesion.inside)
    region = tissue >= 0.5
    # pixels at the rim are mixed with air or padding: divide by their share
    pixels = np.clip(
        warp(lesion.pixels * lesion.inside) / np.maximum(tissue, 0.5), 0, 1
    )
    return Patch(
        np.where(region, pixels, 0.0).astype(np.float32),
        region,
        (warp(lesion.mask) >= 0.5) & region,
    )


def check_bank(
    step: BaseTransform, results: dict, allow_same_source: bool = True
) -> None:
    """Refuse a data set that a transform with a ``bank`` must not be used with.

    Args:
        step (BaseTransform): The transform.
        results (dict): A sample, with ``dataset``, ``test_mode`` and, if its images
            are simulated, ``generation``.
        allow_same_source (bool): Whether the bank may come from the data set itself.

    Raises:
        AnnotationError: If the data set is for validation or test, or the bank
            contains its lesions without permission, or from outside its training split.
    """
    transform, name = type(step).__name__, results['dataset']
    if results['test_mode']:
        raise AnnotationError(
            f'{transform}: {name} is loaded with test_mode=True; synthetic images '
            f'never enter validation or test; give it a pipeline without {transform}'
        )
    if not step.bank.is_from(name, results.get('generation')):
        return
    if not allow_same_source:
        raise AnnotationError(
            f'{transform}.bank: its lesions are of {step.bank.dataset}, the data '
            f'set trained on is {name}; with their outlines, localization would '
            'not be weakly supervised. Build a bank of another data set, or set '
            'allow_same_source=True'
        )
    if step.bank.split != 'train':
        part = f'the {step.bank.split}' if step.bank.split else 'no stated'
        raise AnnotationError(
            f'{transform}.bank: its lesions are of {part} split of '
            f'{step.bank.dataset}, the data set trained on; build the bank of its '
            'training split'
        )


def tissue_mask(view: dict, inside: np.ndarray) -> np.ndarray:
    """Return the mask of tissue where masses grow: the breast without pectoral muscle.

    Args:
        view (dict): From ``LoadMammogram`` and geometric transforms.
        inside (np.ndarray): (h, w) bool, the breast, from :func:`small_breast_mask`.

    Returns:
        np.ndarray: (h, w) bool. It differs from ``inside`` only in MLO views, if the
        muscle's edge is found.
    """
    if view.get('view') != 'MLO':
        return inside
    # a small copy with the file's aspect: angles are those of the file, and it is fast
    shape = np.divide(view['img'].shape, resizing(view)[::-1])
    shape = np.rint(shape * min(1.0, MASK_SIZE / shape.max())).clip(1).astype(int)
    edge = pectoral_edge(resized(view['img'], tuple(shape.tolist())), inside)
    if edge is None:
        return inside
    rows, columns = np.indices(inside.shape) + 0.5
    height, width = shape / inside.shape
    off = edge.distance(np.stack([columns * width, rows * height], -1))
    return inside & (off > 0)


def draw_centres(
    inside: np.ndarray,
    shape: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    rng: np.random.Generator,
    min_inside: float,
) -> list[tuple[float, float] | None]:
    """Draw the centres of lesions on a breast mask smaller than the image.

    Args:
        inside (np.ndarray): From :func:`tissue_mask`.
        shape (tuple[int]): (H, W) of the image.
        sizes (Sequence[tuple]): (h, w) of each lesion in pixels of the image.
        rng (np.random.Generator): Random number generator.
        min_inside (float): Minimum share of a lesion's box in the mask.

    Returns:
        list[tuple | None]: Centres (x, y) in pixels of the image; ``None`` for a
        lesion that fits nowhere.
    """
    scale = np.divide(inside.shape, shape)
    centres = sample_positions(
        inside, [np.multiply(size, scale) for size in sizes], rng, min_inside
    )
    return [
        None if centre is None else tuple(np.divide(centre, scale[::-1]))
        for centre in centres
    ]
