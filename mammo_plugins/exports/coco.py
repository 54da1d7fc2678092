"""Detections as COCO results, for pycocotools and other readers."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from mammo_plugins.io import read_json
from mammo_plugins.printable import one_line

from .prediction_file import ExportError


def coco_results(
    exams: Iterable[dict[str, Any]], annotation_file: str | Path
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return detections as COCO results for the images of an annotation file.

    A view is matched to the image whose ``file_name`` or ``source`` is a suffix of its
    ``file``, or vice versa, comparing whole path components.

    Args:
        exams (Iterable[dict]): Entries of the predictions.
        annotation_file (str | Path): COCO JSON.

    Returns:
        tuple: Results, each with ``image_id``, ``category_id``, ``bbox`` as (x, y,
        width, height) in pixels of the file, and ``score``; and the skipped views, as
        (file, reason).

    Raises:
        ExportError: If the file is not an annotation file, lacks a detected category,
            or no view has detections.
    """
    content = read_json(annotation_file)
    name = one_line(annotation_file)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list)
        and all(isinstance(each, dict) and 'id' in each for each in content[key])
        for key in ('images', 'categories')
    ):
        raise ExportError(
            f'{name}: expected the lists images and categories of COCO, each item with '
            'an id'
        )
    categories = {each.get('name'): each['id'] for each in content['categories']}
    finder = _Finder(content['images'])
    results, left_out, detected = [], [], False
    used: dict[Any, str] = {}
    for exam in exams:
        for view in exam.get('views', ()):
            if 'detections' not in view:
                continue
            detected = True
            image = finder(view)
            if isinstance(image, str):
                left_out.append((view['file'], image))
                continue
            if image['id'] in used:
                left_out.append(
                    (view['file'], f'its image is that of {used[image["id"]]} too')
                )
                continue
            used[image['id']] = view['file']
            for detection in view['detections']:
                if detection['category'] not in categories:
                    raise ExportError(
                        f'{name}: categories: has no {detection["category"]!r}, which '
                        'was detected; give the annotation file of the same classes'
                    )
                x1, y1, x2, y2 = detection['bbox']
                results.append(
                    dict(
                        image_id=image['id'],
                        category_id=categories[detection['category']],
                        # boxes have two decimals, so more would be meaningless
                        bbox=[x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                        score=detection['score'],
                    )
                )
    if not detected:
        raise ExportError(
            'no view has detections with scores, which COCO results are; the model '
            'classifies or segments. --csv holds what it says'
        )
    return results, left_out


class _Finder:
    """Finds the image of a view by path suffixes."""

    def __init__(self, images: list[dict[str, Any]]) -> None:
        self._by_last: dict[str, list[tuple[tuple[str, ...], dict]]] = defaultdict(list)
        for image in images:
            for key in ('file_name', 'source'):
                if isinstance(image.get(key), str) and image[key]:
                    parts = PurePosixPath(image[key].replace('\\', '/')).parts
                    self._by_last[parts[-1]].append((parts, image))

    def __call__(self, view: dict[str, Any]) -> dict[str, Any] | str:
        """Return the image of a view, or the reason why there is none."""
        parts = PurePosixPath(view['file']).parts
        named = [
            (min(len(names), len(parts)), image)
            for names, image in self._by_last.get(parts[-1], ())
            if _same_end(names, parts)
        ]
        # a path with folders is more specific than a bare name
        longest = max((length for length, _ in named), default=0)
        found = {image['id']: image for length, image in named if length == longest}
        if not found:
            return 'the annotation file has no image of that name'
        if len(found) > 1:
            return f'{len(found)} images of the annotation file have that name'
        (image,) = found.values()
        stated = image.get('width'), image.get('height')
        if stated != (view['width'], view['height']):
            return (
                f'it is {view["width"]} x {view["height"]} pixels, its image of the '
                f'annotation file {stated[0]} x {stated[1]}'
            )
        return image


def _same_end(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    common = min(len(one), len(other))
    return one[-common:] == other[-common:]
