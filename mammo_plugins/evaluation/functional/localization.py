"""Weakly supervised segmentation and localization by heat maps (DisAsymNet).

DisAsymNet (section 3.2, table 2) compares class activation maps (CAMs) with annotated
lesions 'following the approach [11]', which is HAM (Ouyang et al., IEEE TMI 40, 2021).
Where the paper is silent, HAM's published code is followed. The rule, in full:

1. The unit is the image: all its lesions together are the reference. Images without
   a lesion do not count.
2. The heat map is binarized by :func:`binarise`, regardless of the classifier's output
   for the image. The paper states no rule; the default is HAM's.
3. Pixels of ignored regions (``iscrowd``) that belong to no lesion count neither as
   detected nor as missed.
4. IoU, Dice and IoR compare the detected region with the reference. A share of an empty
   region is 0: an image without a detected region has 0 in all of them.
5. IoR is 'intersection over reference' in the paper: the share of the reference that
   is detected. HAM's code, with the same name and thresholds, divides by the detected
   region. Both are computed: ``ior`` and ``iod`` (intersection over detected region).
   A map that is hot everywhere has an ``ior`` of 1, so ``ior`` alone is not enough.
6. Segmentation figures are means over images. The accuracy at a threshold is the
   share of images above it (strictly, as the paper states; HAM's code includes equal
   values); mean TIoU, mean TIoR and mean TIoD are its means over thresholds.
7. Regions depend on a threshold and on the grid of the map. So the figures are also
   given for several thresholds, and the share of maxima that hit a lesion (the
   'pointing game' of Zhang et al., ECCV 2016), which needs none.

If no image has a lesion, all figures are NaN. The bootstrap draws patients among
those with a lesion.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .bootstrap import means_summary, to_json

FORMAT = 'mammo_plugins.localization/1'
CAM_RULES = ('minmax', 'max', 'absolute')
# HAM's code keeps sigmoid(100 (m - 0.4)) >= 0.999 of the min-max normalized map m
CAM_THRESHOLD = 0.4 + math.log(999) / 100
CAM_SWEEP = (0.47, 0.5, 0.6, 0.7, 0.8, 0.9)
TIOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
TIOR_THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 0.9)
FIGURES = ('iou', 'ior', 'iod', 'dice', 'mean_tiou', 'mean_tior', 'mean_tiod')


class Overlap(NamedTuple):
    """Overlap of an image's detected region with its reference, in [0, 1].

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
    """Raise a ValueError if :func:`binarise` does not accept these arguments."""
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
    """Return the pixels that a heat map detects.

    Args:
        heat_map (np.ndarray): At least 0, shape (H, W).
        rule (str): 'minmax': values that reach ``threshold`` after scaling the map to
            [0, 1] (HAM); a constant map detects nothing. 'max': values of at least
            ``threshold`` times the maximum (Zhou et al., CVPR 2016, used 0.2); a map of
            zeros detects nothing. 'absolute': values of at least ``threshold``, for
            maps of probabilities. Defaults to 'minmax'.
        threshold (float): Above 0. Defaults to 0.4 + ln(999) / 100, about 0.469,
            which is HAM's.

    Returns:
        np.ndarray: bool, shape (H, W).

    Raises:
        ValueError: If the map is not two-dimensional, has no pixels, or contains a
            value that is negative or not finite; or if the rule is unknown.
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
    """Return a map as an array of numbers; raise a ValueError if it is unusable."""
    heat_map = np.asarray(heat_map, float)
    if heat_map.ndim != 2 or not heat_map.size:
        raise ValueError(f'the heat map has shape {heat_map.shape}, expected (H, W)')
    if not np.isfinite(heat_map).all():
        raise ValueError(
            'the heat map holds NaN or infinity; has the training diverged?'
        )
    if heat_map.min() < 0:
        raise ValueError(
            f'the heat map has values down to {heat_map.min():g}, expected values '
            '>= 0; rectify it first'
        )
    return heat_map


def _is_flat(low: float, high: float) -> bool:
    """Return whether a map is constant up to rounding errors of interpolation."""
    return high - low <= 1e-6 * high


def max_hit(
    heat_map: np.ndarray, reference: np.ndarray, ignored: np.ndarray | None = None
) -> float:
    """Return whether the maximum of a heat map lies in a lesion.

    Args:
        heat_map (np.ndarray): At least 0, shape (H, W).
        reference (np.ndarray): All lesions together, bool, shape (H, W).
        ignored (np.ndarray, optional): Pixels that count only if they also belong to a
            lesion, bool, shape (H, W). Defaults to None.

    Returns:
        float: 0 or 1; if several pixels have the maximum, the share of them that hits.
            0 for a constant map, which has no maximum.

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
    """Return the pixels of a box, for lesions without a mask.

    Args:
        box (Sequence[float]): (x1, y1, x2, y2) in continuous coordinates: pixel k
            covers [k, k + 1).
        shape (tuple[int]): (H, W) of the image.

    Returns:
        np.ndarray: bool, shape (H, W): pixels whose centre lies in the box, or, if
        there is none in a direction, the pixel at the middle of the box. Empty only for
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
        ignored (np.ndarray, optional): Pixels that count only if they also belong to a
            lesion, bool, shape (H, W). Defaults to None.

    Returns:
        Overlap: A share of an empty region is 0.

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
    """Return the share of images whose overlap is above each threshold.

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
    """Return the figures of each image; their means are those of the data set.

    Args:
        overlaps (Sequence[Overlap]): Overlaps of n images with a lesion.
        tiou_thresholds (Sequence[float]): Thresholds for IoU. Defaults to 0.1, 0.2,
            ..., 0.7.
        tior_thresholds (Sequence[float]): Thresholds for IoR and IoD. Defaults to 0.1,
            0.25, 0.5, 0.75 and 0.9.

    Returns:
        np.ndarray: Shape (n, 7), columns as in ``FIGURES``: the four overlaps, then the
            shares of thresholds below IoU, IoR and IoD.
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
    """Summarize a localization by heat maps.

    Args:
        overlaps (Sequence[Overlap]): Overlaps of n images with a lesion.
        patients (Sequence[Hashable]): Patient of each of these images, n entries.
        n_others (int): Number of images that do not count. Defaults to 0.
        tiou_thresholds, tior_thresholds: As in :func:`image_figures`.
        n_bootstrap (int): Number of bootstrap draws; 0 gives no intervals. Defaults
            to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        resampling_unit (str): Noun for the entries of ``patients``. Defaults to
            'patients'.
        max_hits (Sequence[float], optional): Results of :func:`max_hit`, n entries.
            Defaults to None: there are no heat maps.
        sweep (Mapping[float, Sequence[Overlap]], optional): The n overlaps by threshold
            of the heat maps. Defaults to None.

    Returns:
        dict: Result of :func:`means_summary` for ``FIGURES`` and, if given,
            ``max_hit``; with ``accuracies``, the values averaged in mean TIoU, TIoR and
            TIoD, and ``sweep``, the means by threshold.
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
