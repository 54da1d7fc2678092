"""Weakly supervised segmentation and localisation by heat maps (DisAsymNet).

DisAsymNet (section 3.2, table 2) compares class activation maps (CAMs) with annotated
lesions 'following the approach [11]', which is HAM (Ouyang et al., IEEE TMI 40, 2021).
What the paper leaves open is taken from HAM's published code. The rule, in full:

1. The unit is the image: all its lesions together are the reference. Images without
   a lesion do not count.
2. The heat map is made binary by :func:`binarise`, whatever the classifier says of
   the image. The paper states no rule; the default is HAM's.
3. Pixels of ignored regions (``iscrowd``) that belong to no lesion count neither as
   detected nor as missed.
4. IoU, Dice and IoR compare the detected region with the reference. A share of
   nothing is 0: where nothing is detected, an image has 0 in all of them.
5. IoR is 'intersection over reference' in the paper: the share of the reference that
   is detected. HAM's code, for the same name and thresholds, divides by the detected
   region. Both are computed: ``ior`` and ``iod`` (intersection over detected region).
   ``ior`` alone is 1 for a map that is hot everywhere.
6. Segmentation figures are means over images. The accuracy at a threshold is the
   share of images above it (strictly, by the paper's words; HAM's code takes equal
   values in too); mean TIoU, mean TIoR and mean TIoD are its means over thresholds.

7. Regions hang on a threshold and on the grid of the map. So the figures are given for
   several thresholds too, and the share of maxima that hit a lesion (the 'pointing
   game' of Zhang et al., ECCV 2016), which needs none.

Without a lesion in any image all figures are NaN. The bootstrap draws patients among
those with a lesion.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .bootstrap import means_summary, to_json

FORMAT = 'mammo_plugins.localization/1'
CAM_RULES = ('minmax', 'max', 'absolute')
# HAM's code keeps sigmoid(100 (m - 0.4)) >= 0.999 of the min-max normalised map m
CAM_THRESHOLD = 0.4 + math.log(999) / 100
CAM_SWEEP = (0.47, 0.5, 0.6, 0.7, 0.8, 0.9)
TIOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
TIOR_THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 0.9)
FIGURES = ('iou', 'ior', 'iod', 'dice', 'mean_tiou', 'mean_tior', 'mean_tiod')


class Overlap(NamedTuple):
    """How the detected region of an image and its reference overlap, in [0, 1].

    Attributes:
        iou (float): Intersection over union.
        ior (float): Intersection over reference.
        iod (float): Intersection over detected region.
        dice (float): Twice the intersection over the sum of both.
    """

    iou: float
    ior: float
    iod: float
    dice: float


def check_cam_rule(rule: str, threshold: float) -> None:
    """Raise a ValueError if :func:`binarise` does not take these arguments."""
    if rule not in CAM_RULES:
        raise ValueError(
            f'the rule for heat maps is {rule!r}, expected one of {CAM_RULES}'
        )
    if not 0 < threshold or (rule != 'absolute' and threshold > 1):
        raise ValueError(
            f'the threshold of heat maps is {threshold}, expected a '
            "positive number, at most 1 unless the rule is 'absolute'"
        )


def binarise(
    heat_map: np.ndarray, rule: str = 'minmax', threshold: float = CAM_THRESHOLD
) -> np.ndarray:
    """Say which pixels a heat map detects.

    Args:
        heat_map (np.ndarray): At least 0, shape (H, W).
        rule (str): 'minmax': values that reach ``threshold`` once the map's minimum
            is 0 and its maximum 1 (HAM); a constant map detects nothing. 'max':
            values of at least ``threshold`` times the maximum (Zhou et al., CVPR
            2016, took 0.2); a map of zeros detects nothing. 'absolute': values of at
            least ``threshold``, for maps of probabilities. Defaults to 'minmax'.
        threshold (float): Above 0. Defaults to 0.4 + ln(999) / 100, about 0.469,
            which is HAM's.

    Returns:
        np.ndarray: bool, shape (H, W).

    Raises:
        ValueError: If the map is not two-dimensional, has no pixels, or holds a
            value that is negative or not finite; or if the rule is none of these.
    """
    check_cam_rule(rule, threshold)
    heat_map = _checked_map(heat_map)
    low, high = heat_map.min(), heat_map.max()
    if rule == 'absolute':
        return heat_map >= threshold
    low = low if rule == 'minmax' else 0.0
    if _is_flat(low, high):
        return np.zeros(heat_map.shape, bool)
    return (heat_map - low) / (high - low) >= threshold


def _checked_map(heat_map: np.ndarray) -> np.ndarray:
    """Return a map as numbers; raise a ValueError unless it can be used."""
    heat_map = np.asarray(heat_map, float)
    if heat_map.ndim != 2 or not heat_map.size:
        raise ValueError(f'the heat map has shape {heat_map.shape}, expected (H, W)')
    if not np.isfinite(heat_map).all():
        raise ValueError(
            'the heat map holds NaN or infinity; has the training diverged?'
        )
    if heat_map.min() < 0:
        raise ValueError(
            f'the heat map goes down to {heat_map.min():g}, expected '
            'values >= 0; rectify it first'
        )
    return heat_map


def _is_flat(low: float, high: float) -> bool:
    """Whether a map is constant, but for what interpolation leaves in rounding."""
    return high - low <= 1e-6 * high


def max_hit(
    heat_map: np.ndarray, reference: np.ndarray, ignored: np.ndarray | None = None
) -> float:
    """Say whether the maximum of a heat map lies in a lesion.

    Args:
        heat_map (np.ndarray): At least 0, shape (H, W).
        reference (np.ndarray): All lesions together, bool, shape (H, W).
        ignored (np.ndarray, optional): Pixels that count only where they are also
            of a lesion, bool, shape (H, W). Defaults to None.

    Returns:
        float: 0 or 1; of several pixels with the maximum the share that hits, for one
        of them is as good as another. A constant map has no maximum: 0.

    Raises:
        ValueError: As in :func:`binarise` and :func:`region_overlap`.
    """
    heat_map = _checked_map(heat_map)
    counted = np.ones(heat_map.shape, bool)
    if ignored is not None:
        counted = np.asarray(reference, bool) | ~np.asarray(ignored, bool)
    values = heat_map[counted]
    if not values.size or _is_flat(values.min(), values.max()):
        return 0.0
    found = counted & (heat_map >= (1 - 1e-6) * values.max())
    return region_overlap(found, reference).iod


def box_mask(box: Sequence[float], shape: tuple[int, int]) -> np.ndarray:
    """Pixels of a box, for lesions without a mask.

    Args:
        box (Sequence[float]): (x1, y1, x2, y2) in continuous coordinates: pixel k
            covers [k, k + 1).
        shape (tuple[int]): (H, W) of the image.

    Returns:
        np.ndarray: bool, shape (H, W): pixels whose centre lies in the box, or, if
        there is none in a direction, the pixel of the box's middle. Empty only for
        a box outside the image.
    """
    x1, y1, x2, y2 = box

    def inside(low: float, high: float, size: int) -> slice:
        start, stop = math.ceil(low - 0.5), math.ceil(high - 0.5)
        if stop <= start:
            start = math.floor((low + high) / 2)
            stop = start + 1
        return slice(max(start, 0), min(max(stop, 0), size))

    mask = np.zeros(shape, bool)
    mask[inside(y1, y2, shape[0]), inside(x1, x2, shape[1])] = True
    return mask


def region_overlap(
    detected: np.ndarray, reference: np.ndarray, ignored: np.ndarray | None = None
) -> Overlap:
    """Compare the detected region of an image with its lesions.

    Args:
        detected (np.ndarray): From :func:`binarise`, bool, shape (H, W).
        reference (np.ndarray): All lesions together, bool, shape (H, W).
        ignored (np.ndarray, optional): Pixels that count only where they are also
            of a lesion, bool, shape (H, W). Defaults to None.

    Returns:
        Overlap: A share of nothing is 0.

    Raises:
        ValueError: If the shapes differ.
    """
    detected, reference = np.asarray(detected, bool), np.asarray(reference, bool)
    if ignored is not None:
        ignored = np.asarray(ignored, bool)
    for name, region in (('lesion mask', reference), ('ignored mask', ignored)):
        if region is not None and region.shape != detected.shape:
            raise ValueError(
                f'the {name} has shape {region.shape}, the heat map '
                f'{detected.shape}; expected both in pixels of the '
                "network's input"
            )
    if ignored is not None:
        detected = detected & (reference | ~ignored)
    found, of = int(detected.sum()), int(reference.sum())
    both = int((detected & reference).sum())

    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    return Overlap(
        iou=share(both, found + of - both),
        ior=share(both, of),
        iod=share(both, found),
        dice=share(2 * both, found + of),
    )


def localization_accuracy(
    values: np.ndarray, thresholds: Sequence[float]
) -> np.ndarray:
    """Share of images whose overlap is above each threshold.

    Args:
        values (np.ndarray): Such as IoU, shape (n, ).
        thresholds (Sequence[float]): Shape (t, ).

    Returns:
        np.ndarray: Shape (t, ); NaN without images.
    """
    above = np.asarray(values, float)[:, None] > np.asarray(thresholds, float)
    return above.mean(axis=0) if len(above) else np.full(len(thresholds), np.nan)


def image_figures(
    overlaps: Sequence[Overlap],
    tiou_thresholds: Sequence[float] = TIOU_THRESHOLDS,
    tior_thresholds: Sequence[float] = TIOR_THRESHOLDS,
) -> np.ndarray:
    """Figures of each image; those of a data set are their means.

    Args:
        overlaps (Sequence[Overlap]): Of n images with a lesion.
        tiou_thresholds (Sequence[float]): For IoU. Defaults to 0.1, 0.2, ..., 0.7.
        tior_thresholds (Sequence[float]): For IoR and IoD. Defaults to 0.1, 0.25,
            0.5, 0.75 and 0.9.

    Returns:
        np.ndarray: Shape (n, 7), columns as in ``FIGURES``: the four overlaps, then
        the shares of thresholds that IoU, IoR and IoD are above.
    """
    values = np.asarray(overlaps, float).reshape(-1, len(Overlap._fields))
    above = [
        (values[:, [column]] > np.asarray(thresholds, float)).mean(axis=1)
        for column, thresholds in enumerate(
            (tiou_thresholds, tior_thresholds, tior_thresholds)
        )
    ]
    return np.column_stack([values, *above])


def localization_summary(
    overlaps: Sequence[Overlap],
    patients: Sequence[Hashable],
    n_others: int = 0,
    tiou_thresholds: Sequence[float] = TIOU_THRESHOLDS,
    tior_thresholds: Sequence[float] = TIOR_THRESHOLDS,
    n_bootstrap: int = 1000,
    seed: int = 0,
    resampling_unit: str = 'patients',
    max_hits: Sequence[float] | None = None,
    sweep: Mapping[float, Sequence[Overlap]] | None = None,
) -> dict:
    """Everything about a localisation by heat maps that is worth keeping.

    Args:
        overlaps (Sequence[Overlap]): Of n images with a lesion.
        patients (Sequence[Hashable]): Whose each of these images is, n entries.
        n_others (int): Number of images that do not count. Defaults to 0.
        tiou_thresholds, tior_thresholds: As in :func:`image_figures`.
        n_bootstrap (int): Number of bootstrap draws; 0 gives no intervals. Defaults
            to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        resampling_unit (str): What ``patients`` holds. Defaults to 'patients'.
        max_hits (Sequence[float], optional): Of :func:`max_hit`, n entries. ``None``
            where there are no heat maps. Defaults to None.
        sweep (Mapping[float, Sequence[Overlap]], optional): By threshold of the heat
            maps, the n overlaps with it. Defaults to None.

    Returns:
        dict: That of :func:`means_summary` for ``FIGURES`` and, if they are given,
        ``max_hit``; with ``accuracies``, the points that the mean TIoU, TIoR and TIoD
        are of, and ``sweep``, the means by threshold.
    """
    figures = image_figures(overlaps, tiou_thresholds, tior_thresholds)
    columns = figures
    names: tuple[str, ...] = FIGURES
    if max_hits is not None:
        columns = np.column_stack([figures, np.asarray(max_hits, float)])
        names = (*FIGURES, 'max_hit')
    summary = means_summary(
        columns, names, patients, n_bootstrap, seed, resampling_unit
    )
    return dict(
        summary,
        format=FORMAT,
        counts=dict(
            images=len(figures) + int(n_others),
            abnormal_images=len(figures),
            resampling_units=len({str(p) for p in patients}),
        ),
        accuracies={
            f't{name}': _points(figures[:, column], thresholds)
            for column, (name, thresholds) in enumerate(
                (
                    ('iou', tiou_thresholds),
                    ('ior', tior_thresholds),
                    ('iod', tior_thresholds),
                )
            )
        },
        sweep=[
            dict(
                threshold=float(threshold),
                **_means(image_figures(swept, tiou_thresholds, tior_thresholds)),
            )
            for threshold, swept in (sweep or {}).items()
        ],
    )


def _means(figures: np.ndarray) -> dict[str, float | None]:
    means = figures.mean(axis=0) if len(figures) else np.full(len(FIGURES), np.nan)
    return dict(zip(FIGURES, to_json(means)))


def _points(values: np.ndarray, thresholds: Sequence[float]) -> list[dict]:
    accuracies = to_json(localization_accuracy(values, thresholds))
    return [
        dict(threshold=float(threshold), accuracy=accuracy)
        for threshold, accuracy in zip(thresholds, accuracies)
    ]
