"""FROC by loops over Python numbers: slow, written from the rule alone.

It matches again from scratch at each threshold and shares no code with the
package.
"""

from typing import NamedTuple

Box = tuple[float, float, float, float]


class Image(NamedTuple):
    patient: str
    detections: list[tuple[Box, float]]
    lesions: list[Box]
    ignored: list[Box] = []


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def intersection(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    both = intersection(a, b)
    return both / (area(a) + area(b) - both) if both else 0.0


def count(image: Image, threshold: float, thr: float) -> tuple[int, int]:
    """Found lesions and false positives of an image at a threshold."""
    found, false_positives = set(), 0
    for box, score in image.detections:
        if score < threshold:
            continue
        target, highest = None, thr
        for i, lesion in enumerate(image.lesions):
            if iou(box, lesion) > highest:
                target, highest = i, iou(box, lesion)
        if target is not None:
            found.add(target)
        elif not any(
            intersection(box, region) / area(box) > thr for region in image.ignored
        ):
            false_positives += 1
    return len(found), false_positives


def curve(images: list[Image], thr: float, normals_only: bool = False):
    """[(threshold, recall, fppi)] by descending threshold, None: undefined."""
    scores = {s for im in images for _, s in im.detections}
    n_lesions = sum(len(im.lesions) for im in images)
    base = [im for im in images if not normals_only or not (im.lesions or im.ignored)]
    points = []
    for t in [float('inf')] + sorted(scores, reverse=True):
        found = sum(count(im, t, thr)[0] for im in images)
        false_positives = sum(count(im, t, thr)[1] for im in base)
        points.append(
            (
                t,
                found / n_lesions if n_lesions else None,
                false_positives / len(base) if base else None,
            )
        )
    return points


def recall_at(points, fppi: float):
    """Highest recall of all thresholds with at most that many FPPI."""
    if points[0][1] is None or points[0][2] is None:
        return None
    return max(recall for _, recall, x in points if x <= fppi)
