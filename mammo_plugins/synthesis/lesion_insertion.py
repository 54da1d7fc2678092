"""Blending of tumours into normal mammograms.

Source: "DisAsymNet: Disentanglement of Asymmetrical Abnormality on Bilateral
Mammograms Using Self-adversarial Learning", section 2.3.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from mammo_plugins.synthesis.soft_mask import gaussian_mask

Point = tuple[float, float]


def insert_lesions(
    image: np.ndarray,
    lesions: Sequence[np.ndarray],
    centres: Sequence[Point],
    *,
    spread: float = 0.25,
    inside: np.ndarray | None = None,
    shown: Sequence[np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Blend tumours into an image by Gaussian transparency.

    ``x_fake = x * prod_k (1 - alpha_k) + sum_k t_k * alpha_k``, as in the paper.
    ``alpha_k`` is 1 at the centre of tumour k and decreases as a Gaussian with standard
    deviations of ``spread`` times the tumour's width and height. The paper states that
    "the co-variance is determined by the size" but gives no factor. Outside the
    tumour's patch, which has no pixels there, ``alpha_k`` is 0.

    The formula does not normalize over overlapping tumours: two of them add up and can
    exceed 1. The result is clipped to [0, 1].

    Args:
        image (np.ndarray): (H, W) float in [0, 1].
        lesions (Sequence[np.ndarray]): Tumours t_k, each (h, w) float in [0, 1].
        centres (Sequence[tuple]): (x, y) of each tumour's centre, in continuous pixels
            of the image: pixel k covers [k, k + 1). Patches are rounded to the nearest
            whole pixels and cropped at the border.
        spread (float): Above zero. Halfway along a patch's side, alpha is 0.14 with the
            default 0.25, 0.04 with 0.2 and 0.01 with 1 / 6. Larger values show more of
            the tumour but also a step there.
        inside (np.ndarray, optional): (H, W) bool mask of the breast; pixels outside
            are left unchanged. Defaults to ``None``, everywhere.
        shown (Sequence[np.ndarray], optional): (h, w) bool for each tumour's patch; the
            rest of the patch, such as air next to the skin, has alpha 0. Defaults to
            ``None``, the whole patch.

    Returns:
        tuple: The image, (H, W) float32, and the tumours' weight
        ``1 - prod_k (1 - alpha_k)``, (H, W) float32 in [0, 1]. Where the weight is 0,
        the image is unchanged.

    Raises:
        ValueError: If shapes, numbers of tumours and centres, or values are invalid.
    """
    _check(image, lesions, centres, inside, shown)
    kept = np.ones(image.shape, np.float32)  # prod_k (1 - alpha_k)
    added = np.zeros(image.shape, np.float32)  # sum_k t_k alpha_k
    for k, (lesion, centre) in enumerate(zip(lesions, centres)):
        height, width = lesion.shape
        alpha = gaussian_mask(
            lesion.shape, (width / 2, height / 2), (spread * width, spread * height)
        )
        if shown is not None:
            alpha = alpha * shown[k]
        window, part = _windows(image.shape, lesion.shape, centre)
        alpha = alpha[part] if inside is None else alpha[part] * inside[window]
        kept[window] *= 1 - alpha
        added[window] += lesion[part] * alpha
    mixed = np.clip(image * kept + added, 0, 1)
    fake = np.where(kept < 1, mixed, image).astype(np.float32)
    return fake, 1 - kept


def sample_positions(
    inside: np.ndarray,
    sizes: Sequence[tuple[float, float]],
    rng: np.random.Generator,
    min_inside: float = 0.5,
) -> list[Point | None]:
    """Draw positions of tumours, uniformly over the breast.

    A centre always lies in the breast. Because a tumour on the skin line would be cut
    off almost completely, a share of its box must lie in the breast, too. The paper
    requires only a position "within the breast region", which is ``min_inside=0``.
    Positions are drawn independently, so tumours may overlap.

    Args:
        inside (np.ndarray): (H, W) bool mask of the breast.
        sizes (Sequence[tuple]): (h, w) of each tumour, in pixels of the mask.
        rng (np.random.Generator): Three numbers per tumour are drawn from it.
        min_inside (float): Least share of the box in the breast. Pixels beyond the
            image's border are not in the breast. Defaults to 0.5.

    Returns:
        list[tuple | None]: Centres (x, y) in continuous pixels; ``None`` for a tumour
        without a possible position.

    Raises:
        ValueError: If the mask or the share is invalid.
    """
    if inside.ndim != 2 or inside.dtype != bool:
        raise ValueError(
            'inside must be a bool mask (H, W), got '
            f'{inside.dtype} of shape {inside.shape}'
        )
    if not 0 <= min_inside <= 1:
        raise ValueError(f'min_inside must be a fraction from 0 to 1, got {min_inside}')
    return [_position(inside, size, rng, min_inside) for size in sizes]


def _position(
    inside: np.ndarray,
    size: tuple[float, float],
    rng: np.random.Generator,
    min_inside: float,
) -> Point | None:
    """Draw the centre of one tumour."""
    height, width = (max(1, round(length)) for length in size)
    # ones and zeros: the sums are exact
    counts = cv2.boxFilter(
        inside.astype(np.float32),
        cv2.CV_32F,
        (width, height),
        anchor=((width - 1) // 2, (height - 1) // 2),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )
    places = np.flatnonzero(inside & (counts >= min_inside * height * width))
    # always drawn, so that a tumour's position does not depend on the others
    draw, x, y = rng.random(3)
    if not places.size:
        return None
    row, column = divmod(int(places[int(draw * places.size)]), inside.shape[1])
    return column + float(x), row + float(y)


def _windows(
    shape: tuple[int, int], size: tuple[int, int], centre: Point
) -> tuple[tuple, tuple]:
    """Return the slices of an image that a patch covers, and those of the patch."""
    window, part = [], []
    for length, extent, middle in zip(shape, size, centre[::-1]):
        start = int(np.floor(middle - extent / 2 + 0.5))
        low, high = max(start, 0), max(min(start + extent, length), 0)
        low = min(low, high)  # wholly outside: empty
        window.append(slice(low, high))
        part.append(slice(low - start, high - start))
    return tuple(window), tuple(part)


def _check(
    image: np.ndarray,
    lesions: Sequence[np.ndarray],
    centres: Sequence[Point],
    inside: np.ndarray | None,
    shown: Sequence[np.ndarray] | None,
) -> None:
    """Raise an error for inputs that cannot be blended."""
    if image.ndim != 2 or image.dtype.kind != 'f':
        raise ValueError(
            f'image must be a float image (H, W), got {image.dtype} '
            f'of shape {image.shape}'
        )
    if len(lesions) != len(centres):
        raise ValueError(
            f'{len(lesions)} lesions have {len(centres)} centres; expected one each'
        )
    for k, lesion in enumerate(lesions):
        if lesion.ndim != 2 or not lesion.size or lesion.dtype.kind != 'f':
            raise ValueError(
                f'lesion {k} must be a float image (h, w), got '
                f'{lesion.dtype} of shape {lesion.shape}'
            )
        if not (lesion.min() >= 0 and lesion.max() <= 1):  # False for NaN too
            raise ValueError(
                f'lesion {k} must lie in [0, 1], got '
                f'{lesion.min():g} to {lesion.max():g}'
            )
    if shown is not None and [mask.shape for mask in shown] != [
        lesion.shape for lesion in lesions
    ]:
        raise ValueError('shown must have a mask of each lesion and of its shape')
    if inside is not None and (inside.shape != image.shape or inside.dtype != bool):
        raise ValueError(
            f'inside must be a bool mask of shape {image.shape}, got '
            f'{inside.dtype} of shape {inside.shape}'
        )
