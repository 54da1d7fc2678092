"""Free-response operating characteristic (FROC) of a lesion detector.

The rule, in full:

1. At a threshold t the detections are those with score >= t. Detections with equal
   scores therefore enter together, and no score is skipped.
2. A detection overlaps a lesion if their IoU is strictly greater than the
   IoU threshold (MommiNet-v2, section 4: 'greater than 0.2').
3. A detection that overlaps one or more lesions is assigned to one of them:
   the one with the highest IoU; if several have the same IoU, the one listed first. One
   box finds one lesion, however many it covers.
4. A lesion is found at t if a detection assigned to it has score >= t. It
   counts once: further detections on it are neither hits nor false positives.
5. A detection that overlaps no lesion, but has more than the same threshold
   of its own area in an ignored region (``iscrowd``, COCO's rule for them), is
   neither. Lesions take precedence over ignored regions.
6. Every other detection is a false positive.

The assignment of a detection does not depend on other detections. So matching again at
each threshold and matching once give the same result, and recall and false positives
can only grow as t falls.

Recall(t) is the share of all lesions that are found. FPPI(t) is the number of false
positives divided by the number of ALL images, including normals; with ``normals_only``
it is the number of false positives on normal images divided by the number of normal
images (no lesion and no ignored region). Recall at an FPPI of f is the highest recall
of any threshold with FPPI(t) <= f: a step function without interpolation. If the
detector never reaches f false positives per image, it is the recall with all
detections. Without lesions recall is NaN, never 0 or 1; FPPI is still defined.

The unit of the bootstrap is the patient: views of one patient are not independent.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

FALSE_POSITIVE = -1
NEITHER = -2


def match_detections(
    iou: np.ndarray, iou_thr: float, iou_ignored: np.ndarray | None = None
) -> np.ndarray:
    """Classify each detection of an image, for all thresholds.

    Rules 2, 3, 5 and 6 of the module's docstring. Which of several detections
    on one lesion is the hit depends on the threshold; :func:`froc_curve`
    decides it by score.

    Args:
        iou (np.ndarray): IoU of each detection with each lesion, (n, m).
        iou_thr (float): A detection overlaps a lesion if IoU > ``iou_thr``.
        iou_ignored (np.ndarray, optional): Share of each detection's area
            in each ignored region, (n, k): :func:`box_iou` with ``crowd``.
            Defaults to None: no such regions.

    Returns:
        np.ndarray: For each detection the index of its lesion, 0 to m - 1, or
        ``FALSE_POSITIVE`` (-1) or ``NEITHER`` (-2). int64, shape (n,).
    """
    n_detections, n_lesions = iou.shape
    labels = np.full(n_detections, FALSE_POSITIVE, dtype=np.int64)
    if iou_ignored is not None and iou_ignored.shape[1]:
        labels[iou_ignored.max(axis=1) > iou_thr] = NEITHER
    if n_lesions:
        best = iou.argmax(axis=1)
        overlaps = iou[np.arange(n_detections), best] > iou_thr
        labels[overlaps] = best[overlaps]
    return labels


@dataclass(frozen=True)
class ImageMatches:
    """The detections of one image, matched.

    Attributes:
        scores (np.ndarray): Scores, any order, shape (n,).
        labels (np.ndarray): From :func:`match_detections`, shape (n,).
        n_lesions (int): Number of lesions of the image.
        patient (Hashable): Patient of the image.
        n_ignored (int): Number of ignored regions. Defaults to 0.
        n_outside (int): Number of detections that were dropped because they are outside
            the breast. Defaults to 0.
        image (Hashable): Its ``img_id``. Defaults to ``None``, unknown.
        exam (Hashable): Exam of the image. Defaults to ``None``, unknown.
    """

    scores: np.ndarray
    labels: np.ndarray
    n_lesions: int
    patient: Hashable
    n_ignored: int = 0
    n_outside: int = 0
    image: Hashable = None
    exam: Hashable = None


@dataclass(frozen=True)
class FROCData:
    """The data of a FROC curve, in flat arrays.

    Attributes:
        scores (np.ndarray): Scores of all detections, descending, (d,).
        fp_scores (np.ndarray): Scores of the false positives, descending,
            (f,).
        fp_patients (np.ndarray): Patient index of each false positive, (f,).
        fp_normal (np.ndarray): Whether it is on a normal image, bool, (f,).
        hit_scores (np.ndarray): Highest score on each lesion that is ever found,
            descending, (h,).
        hit_patients (np.ndarray): Patient index of each such lesion, (h,).
        images (np.ndarray): Number of images of each patient, (p,).
        normals (np.ndarray): Number of normal images of each patient, (p,).
        lesions (np.ndarray): Number of lesions of each patient, (p,).
    """

    scores: np.ndarray
    fp_scores: np.ndarray
    fp_patients: np.ndarray
    fp_normal: np.ndarray
    hit_scores: np.ndarray
    hit_patients: np.ndarray
    images: np.ndarray
    normals: np.ndarray
    lesions: np.ndarray

    @classmethod
    def from_images(cls, matches: Sequence[ImageMatches]) -> 'FROCData':
        """Gather the images of a data set.

        Args:
            matches (Sequence[ImageMatches]): One item per image. Patients are numbered
                in sorted order, so the order of images does not matter.

        Raises:
            ValueError: If there are no images or a score is not finite.
        """
        if not len(matches):
            raise ValueError('FROC of no images: the data set or its filter is empty')
        patient_of = np.unique([str(m.patient) for m in matches], return_inverse=True)[
            1
        ].reshape(-1)
        n_lesions = np.array([m.n_lesions for m in matches])
        normal = np.array([m.n_lesions + m.n_ignored == 0 for m in matches])

        n_detections = [len(m.scores) for m in matches]
        image_of = np.repeat(np.arange(len(matches)), n_detections)
        scores = np.concatenate(
            [np.asarray(m.scores, dtype=np.float64) for m in matches]
        )
        labels = np.concatenate([np.asarray(m.labels, dtype=np.int64) for m in matches])
        if not np.isfinite(scores).all():
            raise ValueError(
                'a detection has a score that is not finite: '
                'the model predicted NaN or infinity'
            )
        # Stable, so that the numbers do not depend on the sort algorithm.
        order = np.argsort(-scores, kind='stable')
        scores, labels = scores[order], labels[order]
        image_of = image_of[order]

        fp = labels == FALSE_POSITIVE
        hit = np.flatnonzero(labels >= 0)
        first_lesion = np.cumsum(n_lesions) - n_lesions
        lesion = first_lesion[image_of[hit]] + labels[hit]
        # In descending order, the first detection of a lesion is its best.
        hit = np.sort(hit[np.unique(lesion, return_index=True)[1]])

        n_patients = int(patient_of.max()) + 1

        def per_patient(counts: np.ndarray) -> np.ndarray:
            return np.bincount(patient_of, counts, n_patients).astype(np.int64)

        return cls(
            scores=scores,
            fp_scores=scores[fp],
            fp_patients=patient_of[image_of[fp]],
            fp_normal=normal[image_of[fp]],
            hit_scores=scores[hit],
            hit_patients=patient_of[image_of[hit]],
            images=per_patient(np.ones(len(matches))),
            normals=per_patient(normal),
            lesions=per_patient(n_lesions),
        )

    def _on_normals(self) -> 'FROCData':
        """Return the same data with FPPI counted only on normal images."""
        fields = {**self.__dict__, 'images': self.normals}
        for name in ('fp_scores', 'fp_patients', 'fp_normal'):
            fields[name] = getattr(self, name)[self.fp_normal]
        return FROCData(**fields)


@dataclass(frozen=True)
class FROCCurve:
    """One point for each distinct score, and the point without detections.

    Attributes:
        thresholds (np.ndarray): Infinity, then all distinct scores in
            descending order, shape (k,).
        recall (np.ndarray): Share of lesions found, in [0, 1], or NaN
            everywhere if there are no lesions, shape (k,).
        fppi (np.ndarray): False positives per image, or NaN everywhere if no
            image counts, shape (k,).
    """

    thresholds: np.ndarray
    recall: np.ndarray
    fppi: np.ndarray


def froc_curve(data: FROCData, normals_only: bool = False) -> FROCCurve:
    """Compute the FROC curve over all patients.

    Args:
        data (FROCData): The matched detections of a data set.
        normals_only (bool): Count false positives on normal images and divide
            by their number. Defaults to False: all images, normals included.

    Returns:
        FROCCurve: Points by descending threshold.
    """
    data = data._on_normals() if normals_only else data
    distinct = np.unique(data.scores)[::-1]
    thresholds = np.concatenate(([np.inf], distinct))
    return FROCCurve(
        thresholds=thresholds,
        recall=_ratio(_count_from(data.hit_scores, thresholds), data.lesions.sum()),
        fppi=_ratio(_count_from(data.fp_scores, thresholds), data.images.sum()),
    )


def _count_from(descending: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Count the scores that reach each threshold."""
    return np.searchsorted(-descending, -thresholds, side='right')


def _ratio(counts: np.ndarray, total: int) -> np.ndarray:
    return counts / total if total else np.full(len(counts), np.nan)


def operating_index(curve: FROCCurve, fppi: Sequence[float]) -> np.ndarray:
    """Return the points of a curve that serve as operating points for FPPIs.

    Args:
        curve (FROCCurve): A curve, from :func:`froc_curve`.
        fppi (Sequence[float]): Allowed false positives per image, (v,).

    Returns:
        np.ndarray: Index of the lowest threshold with FPPI(t) <= the value,
        shape (v,). The last point if FPPI is NaN (no normal images).
    """
    return np.searchsorted(curve.fppi, fppi, side='right') - 1


def recall_at_fppi(curve: FROCCurve, fppi: Sequence[float]) -> np.ndarray:
    """Highest recall at any threshold whose FPPI does not exceed the value.

    A step function without interpolation. If the curve ends before the value, its last
    recall is used.

    Args:
        curve (FROCCurve): A curve, from :func:`froc_curve`.
        fppi (Sequence[float]): Allowed false positives per image, (v,).

    Returns:
        np.ndarray: Recall in [0, 1], shape (v,); NaN without lesions or, for
        a curve over normal images, without normal images.
    """
    recall = curve.recall[operating_index(curve, fppi)]
    return np.where(np.isnan(curve.fppi[0]), np.nan, recall)


def bootstrap_froc(
    data: FROCData,
    fppi: Sequence[float] | np.ndarray,
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Recall at given FPPIs in samples of patients drawn with replacement.

    Every draw contains as many patients as there are, each with all images. A draw is
    ``rng.integers(p, size=p)`` of one generator for all draws.

    Args:
        data (FROCData): The matched detections of a data set.
        fppi (Sequence[float]): Allowed false positives per image, (v,).
        n_draws (int): Number of draws. Defaults to 1000.
        seed (int): Seed of numpy's default generator. Defaults to 0.

    Returns:
        np.ndarray: Recall, shape (n_draws, v); a draw without lesions is a
        row of NaN.
    """
    rng = np.random.default_rng(seed)
    n_patients = len(data.images)
    recalls = np.full((n_draws, len(fppi)), np.nan)
    # Recall rises only when a lesion is found, so these thresholds suffice.
    levels = np.unique(data.hit_scores)[::-1]
    n_hits = _count_from(data.hit_scores, levels)
    n_fps = _count_from(data.fp_scores, levels)
    fp_cumulated = np.zeros(len(data.fp_scores) + 1, dtype=np.int64)
    for draw in range(n_draws):
        weights = np.bincount(
            rng.integers(n_patients, size=n_patients), minlength=n_patients
        )
        n_lesions = weights @ data.lesions
        if not n_lesions:
            continue
        np.cumsum(weights.take(data.fp_patients), out=fp_cumulated[1:])
        level_fppi = fp_cumulated[n_fps] / (weights @ data.images)
        found = np.cumsum(weights[data.hit_patients])[n_hits - 1]
        n_allowed = np.searchsorted(level_fppi, fppi, side='right')
        recalls[draw] = np.concatenate(([0], found))[n_allowed] / n_lesions
    return recalls
