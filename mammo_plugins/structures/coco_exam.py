"""The COCO-exam JSON: schema check and loading (docs/reference/data_format.md)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mammo_plugins.io import JsonError, read_json
from mammo_plugins.printable import one_line
from mammo_plugins.shipped import maker_of

from .exam import (
    BIRADS,
    DENSITIES,
    LATERALITIES,
    MODALITIES,
    PATHOLOGIES,
    VIEWS,
    Exam,
    Lesion,
    View,
)
from .fields import (
    LONGEST_SIDE,
    is_area,
    is_coordinates,
    is_id,
    is_one_of,
    is_side,
    is_spacing,
    is_text,
    shown,
)
from .image_roots import ImageRoots
from .segmentation import outline_fault, segmentation_fault

SPLITS = ('train', 'val', 'test')


class AnnotationError(ValueError):
    """An annotation file that cannot be used; the message names file and field."""


# field -> (check, what is expected, null allowed)
_IMAGE_FIELDS = {
    'id': (is_id, 'an integer', False),
    'file_name': (is_text, 'a path relative to the data root', False),
    'width': (is_side, f'a number of pixels, 1 to {LONGEST_SIDE}', False),
    'height': (is_side, f'a number of pixels, 1 to {LONGEST_SIDE}', False),
    'exam_id': (is_text, 'a text', False),
    'patient_id': (is_text, 'a text (a pseudonym)', False),
    'laterality': (is_one_of(LATERALITIES), f'one of {LATERALITIES}', False),
    'view': (is_one_of(VIEWS), f'one of {VIEWS}', False),
    'modality': (is_one_of(MODALITIES), f'one of {MODALITIES}', False),
    'source': (is_text, 'the path of the original file', False),
    'pixel_spacing_mm': (is_spacing, '[row, column] in mm', True),
    'nipple': (is_coordinates(2), '[x, y] in pixels', True),
    'breast_bbox': (is_coordinates(4), '[x, y, w, h] in pixels', True),
    'birads': (is_one_of(BIRADS), f'one of {BIRADS}', True),
    'density': (is_one_of(DENSITIES), f'one of {DENSITIES}', True),
    'abnormal': (lambda v: isinstance(v, bool), 'true or false', True),
}
# optional fields
_OPTIONAL_IMAGE_FIELDS = {
    'pathology': (is_one_of(PATHOLOGIES), f'one of {PATHOLOGIES}', True),
    'nipple_source': (is_text, 'a text', True),
    'synthetic': (lambda v: isinstance(v, dict), 'an object', True),
}
# for COCO files that need not contain exams
_COCO_IMAGE_FIELDS = {'file_name': _IMAGE_FIELDS['file_name']}
_COCO_CATEGORY_FIELDS = {'name': (is_text, 'a text', False)}
_SYNTHETIC_FIELDS = {
    'synthetic': _OPTIONAL_IMAGE_FIELDS['synthetic'],
    'patient_id': _IMAGE_FIELDS['patient_id'],
}
_CATEGORY_FIELDS = {
    'id': (is_id, 'an integer', False),
    'name': (is_text, 'a text', False),
}
_ANNOTATION_FIELDS = {
    'id': (is_id, 'an integer', False),
    'image_id': (is_id, 'an integer', False),
    'category_id': (is_id, 'an integer', False),
    'bbox': (is_coordinates(4), '[x, y, w, h] in pixels', False),
    'area': (is_area, 'a number of pixels above 0', False),
    'iscrowd': (lambda v: is_id(v) and v in (0, 1), '0 or 1', False),
    'segmentation': (
        lambda v: isinstance(v, (list, dict)),
        'a list of polygons [x, y, x, y, ...], an RLE or []',
        False,
    ),
    'birads': (is_one_of(BIRADS), f'one of {BIRADS}', True),
    'pathology': (is_one_of(PATHOLOGIES), f'one of {PATHOLOGIES}', True),
    'lesion_id': (is_text, 'a text', True),
}


def _check_fields(
    record: dict[str, Any], fields: dict[str, tuple], where: str
) -> list[str]:
    if not isinstance(record, dict):
        return [f'{where}: expected an object, got {type(record).__name__}']
    errors = []
    for name, (check, expected, nullable) in fields.items():
        if name not in record:
            null = ' (null when unknown)' if nullable else ''
            errors.append(f'{where}.{name}: missing; expected {expected}{null}')
        elif record[name] is None and nullable:
            continue
        elif not check(record[name]):
            given = (
                f'(a {type(record[name]).__name__})'
                if name == 'patient_id'
                else shown(record[name])
            )  # which may be the correct one
            errors.append(
                f'{where}.{name}: {given}; expected {expected}'
                f'{" or null" if nullable else ""}'
            )
    return errors


def _check_name(image: Any, roots: ImageRoots, where: str) -> list[str]:
    if not isinstance(image, dict) or not is_text(image.get('file_name')):
        return []  # reported for its field
    expected = roots.fault(image['file_name'])
    return (
        [f'{where}.file_name: {shown(image["file_name"])}; expected {expected}']
        if expected
        else []
    )


def _repeated(values: Sequence[Any]) -> list[Any]:
    seen, twice = set(), []
    for value in values:
        if value in seen and value not in twice:
            twice.append(value)
        seen.add(value)
    return twice


def validate_coco_exam(
    data: Any, outlines: bool = True, roots: ImageRoots = ImageRoots()
) -> list[str]:
    """Check the schema of a COCO-exam JSON.

    Args:
        data: The parsed JSON.
        outlines (bool): Whether to report masks that do not match their boxes, too.
            Defaults to True.
        roots (ImageRoots): Folders that may contain ``file_name``. Defaults to any data
            root, without further folders.

    Returns:
        list[str]: One readable line per fault, naming the entry and the field; empty if
        the file is valid.
    """
    if not isinstance(data, dict):
        return [f'top level: expected an object, got {type(data).__name__}']
    errors = []
    for key, kind in (
        ('info', dict),
        ('images', list),
        ('annotations', list),
        ('categories', list),
    ):
        if not isinstance(data.get(key), kind):
            errors.append(
                f'{key}: missing or not a JSON {"object" if kind is dict else "array"}'
            )
    if errors:
        return errors
    of_file = []
    if not is_text(data['info'].get('dataset')):
        of_file.append('info.dataset: missing; expected the name of the data set')
    if data['info'].get('split') not in SPLITS + (None,):
        of_file.append(
            f'info.split: {shown(data["info"]["split"])}; '
            f'expected one of {SPLITS} or null'
        )
    for i, category in enumerate(data['categories']):
        errors += _check_fields(
            category,
            {'id': (is_id, 'an integer', False), 'name': (is_text, 'a text', False)},
            f'categories[{i}]',
        )
    for i, image in enumerate(data['images']):
        errors += _check_fields(image, _IMAGE_FIELDS, f'images[{i}]')
        there = {
            name: rule
            for name, rule in _OPTIONAL_IMAGE_FIELDS.items()
            if isinstance(image, dict) and name in image
        }
        if isinstance(image, dict):
            errors += _check_fields(image, there, f'images[{i}]')
        errors += _check_name(image, roots, f'images[{i}]')
    for i, annotation in enumerate(data['annotations']):
        errors += _check_fields(annotation, _ANNOTATION_FIELDS, f'annotations[{i}]')
    return of_file + (errors or _check_references(data, outlines))


def _check_references(data: dict[str, Any], outlines: bool) -> list[str]:
    images, annotations = data['images'], data['annotations']
    errors = []
    for key in ('images', 'annotations', 'categories'):
        for value in _repeated([record['id'] for record in data[key]]):
            errors.append(f'{key}: id {value} occurs more than once')
    for name in _repeated([category['name'] for category in data['categories']]):
        errors.append(f'categories: the name {name!r} occurs more than once')
    view_keys = [
        (im['exam_id'], im['laterality'], im['view'], im['modality']) for im in images
    ]
    for exam_id, *view in _repeated(view_keys):
        errors.append(
            f'images: exam {shown(exam_id)} has the view {" ".join(view)} '
            'more than once'
        )
    patient_of: dict[str, str] = {}
    for image in images:
        known = patient_of.setdefault(image['exam_id'], image['patient_id'])
        if known != image['patient_id']:
            errors.append(
                f'images: exam {shown(image["exam_id"])} belongs to two '
                'patients; an exam is one visit of one patient'
            )
    sizes = {im['id']: [im['height'], im['width']] for im in images}
    category_ids = {category['id'] for category in data['categories']}
    for i, annotation in enumerate(annotations):
        where = f'annotations[{i}]'
        if annotation['image_id'] not in sizes:
            errors.append(
                f'{where}.image_id: {annotation["image_id"]} is the id of no image'
            )
        if annotation['category_id'] not in category_ids:
            errors.append(
                f'{where}.category_id: {annotation["category_id"]} is '
                'the id of no category'
            )
        if min(annotation['bbox'][2:]) <= 0:
            errors.append(
                f'{where}.bbox: {annotation["bbox"]} has no area; '
                'expected [x, y, w, h] with w, h > 0'
            )
        elif annotation['image_id'] in sizes:
            errors += _check_outline(
                annotation, sizes[annotation['image_id']], where, outlines
            )
    return errors


def _check_outline(
    annotation: dict[str, Any], size: Sequence[int], where: str, outlines: bool
) -> list[str]:
    fault = segmentation_fault(annotation['segmentation'], *size)
    if fault:
        return [f'{where}.segmentation: {fault}']
    mismatch = outline_fault(annotation, *size) if outlines else None
    return [f'{where}: {mismatch.text}'] if mismatch and mismatch.severe else []


def load_coco_exam(
    path: str | Path, outlines: bool = True, roots: ImageRoots = ImageRoots()
) -> dict[str, Any]:
    """Read a COCO-exam JSON and check its schema.

    Args:
        path (str | Path): The file.
        outlines (bool), roots (ImageRoots): As in :func:`validate_coco_exam`.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not JSON or its schema is wrong; the message
            names the file and the first faults.
    """
    data = _read(Path(path))
    refuse_faults(path, validate_coco_exam(data, outlines, roots))
    return data


def _read(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(
            f'{one_line(path)}: no such annotation file; set ann_file or data_root in '
            f'the config, or make it with {maker_of(path)}'
        )
    try:
        return read_json(path)
    except JsonError as error:
        raise AnnotationError(str(error)) from None


def refuse_faults(
    path: str | Path, faults: Sequence[str], what: str = 'not a COCO-exam file'
) -> None:
    """Raise :class:`AnnotationError` with the first faults, if there are any.

    Args:
        path (str | Path): The file.
        faults (Sequence[str]): One line per fault.
        what (str): Description of such a file, for the message.
    """
    if faults:
        shown_faults = '\n  '.join(faults[:10])
        more = f'\n  ... and {len(faults) - 10} more' if len(faults) > 10 else ''
        raise AnnotationError(f'{one_line(path)}: {what}:\n  {shown_faults}{more}')


def load_coco(path: str | Path, roots: ImageRoots = ImageRoots()) -> dict[str, Any]:
    """Read a COCO JSON that need not contain exams, such as mmdet's data sets use.

    Args:
        path (str | Path): The file.
        roots (ImageRoots): As of :func:`validate_coco_exam`.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not JSON, or images and categories lack ids or names.
    """
    data = _read(Path(path))
    if not isinstance(data, dict) or not all(
        isinstance(data.setdefault(key, []), list) for key in ('images', 'categories')
    ):
        raise AnnotationError(
            f'{one_line(path)}: not a COCO file: expected an object '
            'with the arrays images and categories'
        )
    faults = []
    for i, image in enumerate(data['images']):
        faults += _check_fields(image, _COCO_IMAGE_FIELDS, f'images[{i}]')
        if isinstance(image, dict) and image.get('synthetic') is not None:
            faults += _check_fields(image, _SYNTHETIC_FIELDS, f'images[{i}]')
        faults += _check_name(image, roots, f'images[{i}]')
    for i, category in enumerate(data['categories']):
        faults += _check_fields(category, _COCO_CATEGORY_FIELDS, f'categories[{i}]')
    refuse_faults(path, faults, 'not a COCO file')
    return data


def synthetic_images(data: dict[str, Any]) -> list[dict]:
    """Return the images of a checked COCO JSON that are synthetic."""
    return [image for image in data['images'] if image.get('synthetic') is not None]


def _xyxy(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, w, h = map(float, bbox)
    return x, y, x + w, y + h


def _pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))


def exams_from_coco(data: dict[str, Any]) -> list[Exam]:
    """Group the views of a COCO-exam JSON into exams.

    Args:
        data (dict): A checked COCO-exam JSON (:func:`load_coco_exam`).

    Returns:
        list[Exam]: In the order in which the exams first occur.
    """
    lesions: dict[int, list[Lesion]] = {}
    for annotation in data['annotations']:
        lesions.setdefault(annotation['image_id'], []).append(
            Lesion(
                bbox=_xyxy(annotation['bbox']),
                category_id=annotation['category_id'],
                segmentation=annotation['segmentation'],
                birads=annotation['birads'],
                pathology=annotation['pathology'],
                lesion_id=annotation['lesion_id'],
                ignore=bool(annotation['iscrowd']),
            )
        )
    exams: dict[str, Exam] = {}
    for image in data['images']:
        exam = exams.setdefault(
            image['exam_id'], Exam(image['exam_id'], image['patient_id'])
        )
        view = View(
            image_id=image['id'],
            file_name=image['file_name'],
            width=image['width'],
            height=image['height'],
            laterality=image['laterality'],
            view=image['view'],
            modality=image['modality'],
            pixel_spacing_mm=_pair(image['pixel_spacing_mm']),
            nipple=_pair(image['nipple']),
            breast_bbox=None
            if image['breast_bbox'] is None
            else _xyxy(image['breast_bbox']),
            birads=image['birads'],
            density=image['density'],
            abnormal=image['abnormal'],
            pathology=image.get('pathology'),
            lesions=lesions.get(image['id'], []),
            extra={
                k: v
                for k, v in image.items()
                if k not in _IMAGE_FIELDS and k != 'pathology'
            },
        )
        exam.views[view.laterality, view.view, view.modality] = view
    return list(exams.values())
