"""Checks of a data set's annotation files that open no image."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Any,
    NamedTuple,
)

from mammo_plugins.io import JsonError, read_json
from mammo_plugins.printable import one_line
from mammo_plugins.structures import (
    EXAM_VIEWS,
    ImageRoots,
    outline_fault,
    validate_coco_exam,
)

from .targets import SPLITS

ERROR, WARNING = 'error', 'warning'
# texts of the schema check that quote an identity
_NAMED = re.compile(
    r'\.(patient_id|exam_id|file_name|source|lesion_id): '
    r'(?!missing;).*; expected'
)
_ENTRY = re.compile(r'^(images|annotations)\[(\d+)\]')


@dataclass(frozen=True)
class Finding:
    """One fault: severity, check, place in the JSON, description and remedy."""

    severity: str
    check: str
    where: str
    message: str


class Part(NamedTuple):
    """A JSON of the data set, without the entries that fail the schema."""

    name: str
    roots: ImageRoots
    data: dict[str, Any]
    complete: bool  # no image was left out
    has_annotations: bool  # the file has annotations, valid or not

    def at(self, image: dict) -> str:
        return f'{self.name}: image {image["id"]}'

    def annotated(self) -> Iterator[tuple[dict, dict, str]]:
        """Yield each annotation with its image and a text that locates it."""
        images = {image['id']: image for image in self.data['images']}
        for annotation in self.data['annotations']:
            image = images.get(annotation['image_id'])
            if image is not None:  # else a fault of the schema
                yield (
                    annotation,
                    image,
                    f'{self.at(image)}, annotation {annotation["id"]}',
                )


def read_part(path: Path, roots: ImageRoots) -> tuple[Part | None, list[Finding]]:
    """Read a JSON; entries that fail the schema are reported and left out."""
    name = one_line(path.stem)
    try:
        data = read_json(path)
    except JsonError as error:
        return None, [Finding(ERROR, 'schema', name, error.reason)]
    except OSError as error:
        return None, [
            Finding(ERROR, 'schema', name, f'cannot be read: {error.strerror}')
        ]
    faults: list[str] = []
    complete = True
    has_annotations = isinstance(data, dict) and bool(data.get('annotations'))
    while True:
        lines = validate_coco_exam(data, False, roots)  # see check_geometry
        faulty = {match.groups() for match in map(_ENTRY.match, lines) if match}
        faults += [
            _anonymous(line, data)
            for line in lines
            if not line.startswith('images: exam')
        ]  # see check_exams
        if not faulty:
            break
        data = _without(data, faulty)
        complete &= all(key != 'images' for key, _ in faulty)
    findings = [
        Finding(ERROR, 'schema', name, fault) for fault in dict.fromkeys(faults)
    ]
    # faults of the whole file; references are checked only without them
    if any(
        re.match(
            r'top level|(info|images|annotations|categories): missing or not|'
            r'categories\[',
            line,
        )
        for line in lines
    ):
        return None, findings
    return Part(name, roots, data, complete, has_annotations), findings


def _anonymous(line: str, data: Any) -> str:
    """Remove identities, and name the entry by its id if it has one."""
    line = _NAMED.sub(r'.\1: (value withheld); expected', line)
    match = _ENTRY.match(line)
    if match:
        entry = data[match[1]][int(match[2])]
        if isinstance(entry, dict) and isinstance(entry.get('id'), int):
            line = f'{match[1][:-1]} {entry["id"]}{line[match.end() :]}'
    return line


def _without(data: dict, faulty: Iterable[tuple[str, str]]) -> dict:
    """Drop entries, and the annotations of dropped images."""
    kept = {
        key: [entry for i, entry in enumerate(data[key]) if (key, str(i)) not in faulty]
        for key in ('images', 'annotations')
    }
    gone = {
        image.get('id')
        for i, image in enumerate(data['images'])
        if ('images', str(i)) in faulty
        and isinstance(image, dict)
        and isinstance(image.get('id'), int)
    }
    kept['annotations'] = [
        a
        for a in kept['annotations']
        if not (
            isinstance(a, dict)
            and isinstance(a.get('image_id'), int)
            and a['image_id'] in gone
        )
    ]
    return {**data, **kept}


def check_exams(part: Part) -> Iterator[Finding]:
    """Check for missing or repeated views, exams of two patients and empty files."""
    if not part.data['images']:
        yield Finding(ERROR, 'no images', part.name, 'nothing to train or test on')
    elif part.complete and not part.has_annotations:
        yield Finding(WARNING, 'no lesions', part.name, _without_lesions(part))
    exams: dict[str, list] = defaultdict(list)
    for image in part.data['images']:
        exams[image['exam_id']].append(image)
    for images in exams.values():
        where = f'{part.at(images[0])} and its exam'
        if len({image['patient_id'] for image in images}) > 1:
            yield Finding(
                ERROR,
                'exam of two patients',
                where,
                'an exam is one visit of one patient',
            )
        for modality in sorted({image['modality'] for image in images}):
            taken = Counter(
                image['laterality'] + image['view']
                for image in images
                if image['modality'] == modality
            )
            for name in EXAM_VIEWS:
                if not taken[name] and part.complete:
                    yield Finding(
                        WARNING, 'missing view', where, f'no {modality} {name}'
                    )
                elif taken[name] > 1:
                    yield Finding(
                        ERROR,
                        'duplicate view',
                        where,
                        f'{taken[name]} images are {modality} {name}',
                    )


def _without_lesions(part: Part) -> str:
    """Describe the labels of images in a part without annotations."""
    count = Counter(image['abnormal'] for image in part.data['images'])
    if count[False] == len(part.data['images']):
        return 'every image is normal; is the annotation lost?'
    known = ', '.join(
        f'{count[value]} {name}'
        for value, name in (
            (True, 'abnormal'),
            (False, 'normal'),
            (None, 'unknown (abnormal is null)'),
        )
        if count[value]
    )
    return f'no annotation; of the images {known}: nothing to detect is known'


def check_geometry(part: Part) -> Iterator[Finding]:
    """Check boxes and points against the image, and masks against boxes."""
    for image in part.data['images']:
        size = image['width'], image['height']
        for key in ('nipple', 'breast_bbox'):
            if image[key] is not None and _outside(image[key], size):
                yield Finding(
                    WARNING,
                    f'{key} outside the image',
                    part.at(image),
                    f'{image[key]} in {size[0]} x {size[1]} pixels',
                )
    for annotation, image, where in part.annotated():
        size = image['width'], image['height']
        if min(annotation['bbox'][2:]) < 1:
            yield Finding(
                WARNING,
                'box of less than a pixel',
                where,
                f'[x, y, w, h] = {annotation["bbox"]}: fractions of the image '
                'instead of pixels?',
            )
        if _outside(annotation['bbox'], size):
            yield Finding(
                ERROR,
                'box outside the image',
                where,
                f'[x, y, w, h] = {annotation["bbox"]} in {size[0]} x '
                f'{size[1]} pixels (w x h)',
            )
        fault = outline_fault(annotation, *size[::-1])
        if fault:
            yield Finding(
                ERROR if fault.severe else WARNING,
                'mask does not match',
                where,
                fault.text,
            )


def _outside(values: Sequence[float], size: tuple[int, int]) -> bool:
    """Return whether [x, y] or [x, y, w, h] leaves the image by more than a pixel."""
    x, y, width, height = (*values, 0, 0)[:4]
    return min(x, y) < -1 or x + width > size[0] + 1 or y + height > size[1] + 1


def check_lesion_ids(parts: Sequence[Part]) -> Iterator[Finding]:
    """Check that a lesion id belongs to one breast and occurs once per image."""
    breasts: dict[str, tuple] = {}
    seen: dict[tuple, str] = {}
    for part in parts:
        for annotation, image, where in part.annotated():
            lesion = annotation['lesion_id']
            if lesion is None:
                continue
            breast = (image['patient_id'], image['exam_id'], image['laterality'])
            first = breasts.setdefault(lesion, (breast, where))
            if first[0] != breast:
                yield Finding(
                    ERROR,
                    'lesion id in two breasts',
                    where,
                    f'it has the lesion_id of {first[1]}',
                )
            before = seen.setdefault((part.name, image['id'], lesion), where)
            if before != where:
                yield Finding(
                    WARNING,
                    'lesion id twice in an image',
                    where,
                    f'it has the lesion_id of {before}',
                )


def _strangers(
    part: Part, image: dict, exams: dict[str, tuple[Part, dict]]
) -> Iterator[Finding]:
    """Yield each exam that belongs to another patient in another split."""
    other, first = exams.setdefault(image['exam_id'], (part, image))
    if other is not part and first['patient_id'] != image['patient_id']:
        yield Finding(
            ERROR,
            'exam of two patients',
            part.at(image),
            f'same exam as {other.at(first)}, another patient',
        )


def check_splits(parts: Sequence[Part]) -> Iterator[Finding]:
    """Check for patients in two splits and for differing categories or split names."""
    home: dict[str, tuple[Part, dict]] = {}
    exams: dict[str, tuple[Part, dict]] = {}
    for part in parts:
        split = part.data['info'].get('split')
        if part.name in SPLITS and split not in (part.name, None):
            yield Finding(WARNING, 'split name', part.name, f'info.split is {split!r}')
        if part.data['categories'] != parts[0].data['categories']:
            yield Finding(
                ERROR, 'categories differ', part.name, f'from those of {parts[0].name}'
            )
        reported = set()
        for image in part.data['images']:
            yield from _strangers(part, image, exams)
            patient = image['patient_id']
            other, first = home.setdefault(patient, (part, image))
            if other is not part and patient not in reported:
                reported.add(patient)
                yield Finding(
                    ERROR,
                    'patient in two splits',
                    part.at(image),
                    f'same patient as {other.at(first)}',
                )
