"""The COCO-exam JSON: schema check and loading (docs/reference/data_format.md)."""
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from .exam import (BIRADS, DENSITIES, LATERALITIES, MODALITIES, PATHOLOGIES,
                   VIEWS, Exam, Lesion, View)
from .segmentation import is_number, outline_fault, segmentation_fault

SPLITS = ('train', 'val', 'test')


class AnnotationError(ValueError):
    """An annotation file that cannot be used; the message names file and field."""


def _numbers(length: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and \
        len(value) == length and all(map(is_number, value))


def _one_of(options: Sequence[str]) -> Callable[[Any], bool]:
    return lambda value: value in options


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_size(value: Any) -> bool:
    return _is_int(value) and value > 0


def _is_spacing(value: Any) -> bool:
    return _numbers(2)(value) and min(value) > 0


# field -> (check, what is expected, null allowed)
_IMAGE_FIELDS = {
    'id': (_is_int, 'an integer', False),
    'file_name': (_is_text, 'a path relative to the data root', False),
    'width': (_is_size, 'a positive integer', False),
    'height': (_is_size, 'a positive integer', False),
    'exam_id': (_is_text, 'a text', False),
    'patient_id': (_is_text, 'a text (a pseudonym)', False),
    'laterality': (_one_of(LATERALITIES), f'one of {LATERALITIES}', False),
    'view': (_one_of(VIEWS), f'one of {VIEWS}', False),
    'modality': (_one_of(MODALITIES), f'one of {MODALITIES}', False),
    'source': (_is_text, 'the path of the original file', False),
    'pixel_spacing_mm': (_is_spacing, '[row, column] in mm', True),
    'nipple': (_numbers(2), '[x, y] in pixels', True),
    'breast_bbox': (_numbers(4), '[x, y, w, h] in pixels', True),
    'birads': (_one_of(BIRADS), f'one of {BIRADS}', True),
    'density': (_one_of(DENSITIES), f'one of {DENSITIES}', True),
    'abnormal': (lambda v: isinstance(v, bool), 'true or false', True),
}
# they may be left out
_OPTIONAL_IMAGE_FIELDS = {
    'pathology': (_one_of(PATHOLOGIES), f'one of {PATHOLOGIES}', True),
}
_ANNOTATION_FIELDS = {
    'id': (_is_int, 'an integer', False),
    'image_id': (_is_int, 'an integer', False),
    'category_id': (_is_int, 'an integer', False),
    'bbox': (_numbers(4), '[x, y, w, h] in pixels', False),
    'area': (lambda v: is_number(v) and v > 0, 'a number of pixels above 0', False),
    'iscrowd': (lambda v: _is_int(v) and v in (0, 1), '0 or 1', False),
    'segmentation': (lambda v: isinstance(v, (list, dict)),
                     'a list of polygons [x, y, x, y, ...], an RLE or []', False),
    'birads': (_one_of(BIRADS), f'one of {BIRADS}', True),
    'pathology': (_one_of(PATHOLOGIES), f'one of {PATHOLOGIES}', True),
    'lesion_id': (_is_text, 'a text', True),
}


def _check_fields(record: Dict[str, Any], fields: Dict[str, tuple],
                  where: str) -> List[str]:
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
            errors.append(
                f'{where}.{name}: {record[name]!r}; expected {expected}'
                f'{" or null" if nullable else ""}')
    return errors


def _repeated(values: Sequence[Any]) -> List[Any]:
    seen, twice = set(), []
    for value in values:
        if value in seen and value not in twice:
            twice.append(value)
        seen.add(value)
    return twice


def validate_coco_exam(data: Any, outlines: bool = True) -> List[str]:
    """Check the schema of a COCO-exam JSON.

    Args:
        data: The parsed JSON.
        outlines (bool): Whether to say, too, which masks lie elsewhere than their
            boxes. Defaults to True.

    Returns:
        list[str]: One readable line a fault, naming the entry and the field;
        empty when the file is sound.
    """
    if not isinstance(data, dict):
        return [f'top level: expected an object, got {type(data).__name__}']
    errors = []
    for key, kind in (('info', dict), ('images', list), ('annotations', list),
                      ('categories', list)):
        if not isinstance(data.get(key), kind):
            errors.append(f'{key}: missing or not a JSON '
                          f'{"object" if kind is dict else "array"}')
    if errors:
        return errors
    of_file = []
    if not _is_text(data['info'].get('dataset')):
        of_file.append('info.dataset: missing; expected the name of the data set')
    if data['info'].get('split') not in SPLITS + (None, ):
        of_file.append(f'info.split: {data["info"]["split"]!r}; '
                       f'expected one of {SPLITS} or null')
    for i, category in enumerate(data['categories']):
        errors += _check_fields(category, {
            'id': (_is_int, 'an integer', False),
            'name': (_is_text, 'a text', False)
        }, f'categories[{i}]')
    for i, image in enumerate(data['images']):
        errors += _check_fields(image, _IMAGE_FIELDS, f'images[{i}]')
        there = {name: rule for name, rule in _OPTIONAL_IMAGE_FIELDS.items()
                 if isinstance(image, dict) and name in image}
        errors += _check_fields(image, there, f'images[{i}]')
    for i, annotation in enumerate(data['annotations']):
        errors += _check_fields(annotation, _ANNOTATION_FIELDS,
                                f'annotations[{i}]')
    return of_file + (errors or _check_references(data, outlines))


def _check_references(data: Dict[str, Any], outlines: bool) -> List[str]:
    images, annotations = data['images'], data['annotations']
    errors = []
    for key in ('images', 'annotations', 'categories'):
        for value in _repeated([record['id'] for record in data[key]]):
            errors.append(f'{key}: id {value} occurs more than once')
    for name in _repeated([category['name'] for category in data['categories']]):
        errors.append(f'categories: the name {name!r} occurs more than once')
    view_keys = [(im['exam_id'], im['laterality'], im['view'], im['modality'])
                 for im in images]
    for exam_id, *view in _repeated(view_keys):
        errors.append(f'images: exam {exam_id} has the view {" ".join(view)} '
                      'more than once')
    patient_of: Dict[str, str] = {}
    for image in images:
        known = patient_of.setdefault(image['exam_id'], image['patient_id'])
        if known != image['patient_id']:
            errors.append(f'images: exam {image["exam_id"]} belongs to two '
                          'patients; an exam is one visit of one patient')
    sizes = {im['id']: [im['height'], im['width']] for im in images}
    category_ids = {category['id'] for category in data['categories']}
    for i, annotation in enumerate(annotations):
        where = f'annotations[{i}]'
        if annotation['image_id'] not in sizes:
            errors.append(f'{where}.image_id: {annotation["image_id"]} is the id '
                          'of no image')
        if annotation['category_id'] not in category_ids:
            errors.append(f'{where}.category_id: {annotation["category_id"]} is '
                          'the id of no category')
        if min(annotation['bbox'][2:]) <= 0:
            errors.append(f'{where}.bbox: {annotation["bbox"]} has no area; '
                          'expected [x, y, w, h] with w, h > 0')
        elif annotation['image_id'] in sizes:
            errors += _check_outline(annotation, sizes[annotation['image_id']], where,
                                     outlines)
    return errors


def _check_outline(annotation: Dict[str, Any], size: Sequence[int], where: str,
                   outlines: bool) -> List[str]:
    fault = segmentation_fault(annotation['segmentation'], *size)
    if fault:
        return [f'{where}.segmentation: {fault}']
    mismatch = outline_fault(annotation, *size) if outlines else None
    return [f'{where}: {mismatch.text}'] if mismatch and mismatch.severe else []


def load_coco_exam(path: Union[str, Path]) -> Dict[str, Any]:
    """Read a COCO-exam JSON and check its schema.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not JSON or its schema is wrong; the message
            names the file and the first faults.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such annotation file; make it with one of '
            'tools/dataset_converters, or set ann_file/data_root in the config')
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AnnotationError(f'{path}: not a JSON file ({error})') from None
    errors = validate_coco_exam(data)
    if errors:
        shown = '\n  '.join(errors[:10])
        more = f'\n  ... and {len(errors) - 10} more' if len(errors) > 10 else ''
        raise AnnotationError(f'{path}: not a COCO-exam file:\n  {shown}{more}')
    return data


def _xyxy(bbox: Optional[Sequence[float]]):
    if bbox is None:
        return None
    x, y, w, h = map(float, bbox)
    return x, y, x + w, y + h


def _pair(values: Optional[Sequence[float]]):
    return None if values is None else (float(values[0]), float(values[1]))


def exams_from_coco(data: Dict[str, Any]) -> List[Exam]:
    """Group the views of a COCO-exam JSON into exams.

    Args:
        data (dict): A checked COCO-exam JSON (:func:`load_coco_exam`).

    Returns:
        list[Exam]: In the order in which the exams first occur.
    """
    lesions: Dict[int, List[Lesion]] = {}
    for annotation in data['annotations']:
        lesions.setdefault(annotation['image_id'], []).append(
            Lesion(
                bbox=_xyxy(annotation['bbox']),
                category_id=annotation['category_id'],
                segmentation=annotation['segmentation'],
                birads=annotation['birads'],
                pathology=annotation['pathology'],
                lesion_id=annotation['lesion_id'],
                ignore=bool(annotation['iscrowd'])))
    exams: Dict[str, Exam] = {}
    for image in data['images']:
        exam = exams.setdefault(image['exam_id'],
                                Exam(image['exam_id'], image['patient_id']))
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
            breast_bbox=_xyxy(image['breast_bbox']),
            birads=image['birads'],
            density=image['density'],
            abnormal=image['abnormal'],
            pathology=image.get('pathology'),
            lesions=lesions.get(image['id'], []),
            extra={k: v for k, v in image.items()
                   if k not in _IMAGE_FIELDS and k not in _OPTIONAL_IMAGE_FIELDS})
        exam.views[view.laterality, view.view, view.modality] = view
    return list(exams.values())
