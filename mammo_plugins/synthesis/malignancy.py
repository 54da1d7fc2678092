"""Synthesis of a malignant image from a benign one and a malignant patch.

Source: "Towards Robust Natural-Looking Mammography Lesion Synthesis on Ipsilateral
Dual-Views Breast Cancer Analysis", section 3.2.
"""

from collections.abc import Sequence

import numpy as np

from mammo_plugins.synthesis.blending import blend, crop, paste
from mammo_plugins.synthesis.fourier import fourier_adapt
from mammo_plugins.synthesis.soft_mask import (
    MaskParameters,
    SoftMask,
    gaussian_mask,
    sample_mask_parameters,
)


def synthesize_malignancy(
    benign_image: np.ndarray,
    region: Sequence,
    malignant_patch: np.ndarray,
    *,
    fourier_beta: float | None = None,
    soft_mask: SoftMask | MaskParameters | None = None,
    rng: np.random.Generator | None = None,
    adapt: str = 'malignant',
    inside: np.ndarray | None = None,
    patch_inside: np.ndarray | None = None,
) -> np.ndarray:
    """Paste a malignant patch into a benign image.

    Without ``fourier_beta`` and ``soft_mask``, the patch replaces the region unchanged
    ("Region Selection & CutMix" of table 2); each of them adds one of the table's
    stages. The paper can be read in two ways, so ``adapt`` names the patch whose
    low-frequency amplitude is replaced by the other's:

    - ``'benign'``: eqs. 8 and 9 as written. The benign region gets the malignant style
      and is visible where the mask is low, which is along the patch's contour, so there
      is a brightness step there. Without a soft mask, it is not visible at all. The
      table's row "+ Fourier" would then equal the row before it, and is rejected here.
    - ``'malignant'``: as shown in figure 4 and section 5.2 ("smooth style in the
      replaced region", without a soft mask). The lesion gets the style of the breast it
      is pasted into. A wide window also replaces the lesion's own low frequencies, and
      with them its contrast.

    Mean absolute step across the contour, and contrast of the lesion in its box, in
    1/1000 of the range (50 phantom lesions of 12 to 53 pixels, each at 4 random
    positions; centred within 0.4 to 0.6, sigma 0.25 of the shorter side;
    ``fourier_beta`` 0.01 / 0.05; the step in unchanged breasts is 24, the lesions' own
    contrast is 159):

    ============================ ============ ============
    stages                       step         contrast
    ============================ ============ ============
    CutMix                       234          159
    soft mask                    32           132
    Fourier, malignant           125 / 101    152 / 86
    Fourier, benign, soft mask   280 / 285    45 / 48
    Fourier, malignant, soft m.  26 / 25      45 / 22
    ============================ ============ ============

    The equations as written therefore look less natural than no adaptation at all. The
    default is the other reading, which figures 3 and 4 support. In figure 3, the
    transformed region gets the soft mask and the target its inverse. In figure 4, the
    target is the image that the lesion is added to.

    Args:
        benign_image (np.ndarray): (H, W) float in [0, 1].
        region (Sequence): (x1, y1, x2, y2) in whole pixels, or the result of
            :func:`select_region`.
        malignant_patch (np.ndarray): (y2 - y1, x2 - x1) float in [0, 1].
        fourier_beta (float, optional): ``beta`` of :func:`fourier_adapt`; None omits
            the stage.
        soft_mask (SoftMask | MaskParameters, optional): Ranges to draw a mask from, or
            the parameters of one (draw them with :func:`sample_mask_parameters` to keep
            a record); None pastes without a soft mask.
        rng (np.random.Generator, optional): Only needed for a :class:`SoftMask`.
        adapt (str): 'benign' or 'malignant', see above. Defaults to 'malignant'.
        inside (np.ndarray, optional): (H, W) bool, the breast in the benign image.
            Pixels outside are left unchanged, so air remains air. Defaults to all.
        patch_inside (np.ndarray, optional): (y2 - y1, x2 - x1) bool, the breast in the
            malignant patch. Elsewhere the benign image is kept, so that no air is
            pasted into a breast. Defaults to all.

    Returns:
        np.ndarray: (H, W) float32 in [0, 1], equal to the benign image outside the
        region. Pixels outside a mask count as the mean of those inside when styles
        are exchanged.

    Raises:
        ValueError: If sizes, types or ranges are not as above, if the region extends
            beyond the image, if no pixel is inside both masks (the image would be
            labelled malignant without showing a lesion), if a :class:`SoftMask` is
            given without ``rng``, or for the combination that changes nothing.
    """
    if adapt not in ('benign', 'malignant'):
        raise ValueError(f"adapt must be 'benign' or 'malignant', got {adapt!r}")
    if fourier_beta is not None and soft_mask is None and adapt == 'benign':
        raise ValueError(
            "adapt='benign' changes nothing without a soft mask, since "
            'no pixel of the adapted patch shows; give a soft_mask or '
            "set adapt='malignant'"
        )
    _check_image('benign_image', benign_image)
    _check_image('malignant_patch', malignant_patch)
    original = crop(benign_image, region)
    if original.shape != malignant_patch.shape:
        raise ValueError(
            f'malignant_patch is of shape {malignant_patch.shape}, the '
            f'region of shape {original.shape}; crop or resize one'
        )
    in_breast = crop(_mask('inside', inside, benign_image.shape), region)
    in_patch = _mask('patch_inside', patch_inside, malignant_patch.shape)
    shown = in_breast & in_patch
    if not shown.any():
        raise ValueError(
            f'no pixel of the region {tuple(region[:4])} is inside the '
            'breast of both the image and the patch'
        )
    benign, malignant = original, malignant_patch
    if fourier_beta is not None:
        benign = _filled(benign, in_breast)
        malignant = _filled(malignant, in_patch)
        if adapt == 'benign':
            benign = fourier_adapt(benign, malignant, fourier_beta)
        else:
            malignant = fourier_adapt(malignant, benign, fourier_beta)
    mixed = blend(benign, malignant, _weights(original.shape, soft_mask, rng))
    mixed = np.where(shown, np.clip(mixed, 0, 1), original)
    return paste(benign_image.astype(np.float32), mixed, region)


def _check_image(name: str, image: np.ndarray) -> None:
    """Raise an error unless an image is grey and in [0, 1]."""
    if image.ndim != 2 or not image.size or image.dtype.kind != 'f':
        raise ValueError(
            f'{name} must be a float image (H, W), got {image.dtype} '
            f'of shape {image.shape}'
        )
    if not (image.min() >= 0 and image.max() <= 1):  # False for NaN too
        raise ValueError(
            f'{name} must lie in [0, 1], got {image.min():g} to '
            f'{image.max():g}; divide by the largest grey value'
        )


def _mask(name: str, mask: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Return a bool mask of a shape, all True for None."""
    if mask is None:
        return np.ones(shape, bool)
    if mask.shape != shape or mask.dtype != bool:
        raise ValueError(
            f'{name} must be a bool mask of shape {shape}, got '
            f'{mask.dtype} of shape {mask.shape}'
        )
    return mask


def _filled(patch: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Fill the pixels outside with the mean of those inside.

    Air would lower the mean, which is the strongest part of the style.
    """
    return np.where(inside, patch, patch[inside].mean())


def _weights(
    shape: tuple[int, int],
    soft_mask: SoftMask | MaskParameters | None,
    rng: np.random.Generator | None,
) -> np.ndarray:
    """Return the (H, W) weights of the malignant patch."""
    if soft_mask is None:
        return np.ones(shape, np.float32)
    if isinstance(soft_mask, SoftMask):
        if rng is None:
            raise ValueError(
                'a SoftMask is random, so it needs rng; or pass MaskParameters'
            )
        soft_mask = sample_mask_parameters(shape, rng, soft_mask)
    return gaussian_mask(shape, (soft_mask.mu_x, soft_mask.mu_y), soft_mask.sigma)
