"""Checking the labels of views, lesions and breasts for contradictions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from mammo_plugins.structures import same_outline

from .entries import ERROR, WARNING, Finding, Part

_NEGATIVE = ('1', '2')  # BI-RADS: negative; definitely benign
_SUSPICIOUS = ('4', '5', '6')
# labels that should agree in all views of a breast
_OF_BREAST = ('pathology', 'abnormal', 'birads', 'density')


class _Lesion(NamedTuple):
    """An annotation, its image and where it is."""

    annotation: dict[str, Any]
    image: dict[str, Any]
    where: str


def check_labels(parts: Sequence[Part]) -> Iterator[Finding]:
    """Check for labels that contradict each other or are unlikely together.

    A view's pathology and BI-RADS are the worst of its breast: benign with a
    malignant lesion is an error. A difference that a reader may have missed, or only
    one view shows, is a warning.
    """
    for part in parts:
        lesions: dict[int, list[_Lesion]] = defaultdict(list)
        breasts: dict[tuple, list[_Lesion]] = defaultdict(list)
        for found in map(_Lesion._make, part.annotated()):
            if not found.annotation['iscrowd']:
                lesions[found.image['id']].append(found)
                breasts[_breast(found.image)].append(found)
        for image in part.data['images']:
            yield from _check_view(part.at(image), image)
            yield from _check_lesions(image, lesions[image['id']])
            yield from _check_malignant(part.at(image), image, breasts[_breast(image)])
        yield from _check_breasts(part)
    yield from _check_same_lesions(parts)


def _breast(image: dict[str, Any]) -> tuple[str, str]:
    return image['exam_id'], image['laterality']


def _check_view(where: str, image: dict[str, Any]) -> Iterator[Finding]:
    pathology, abnormal = image.get('pathology'), image['abnormal']
    if pathology is not None and abnormal is None:
        yield Finding(
            WARNING,
            'pathology without abnormal',
            where,
            f"'pathology' is {pathology}, 'abnormal' unknown; a view of "
            'known pathology is abnormal',
        )
    if pathology is not None and abnormal is False:
        yield Finding(
            ERROR if pathology == 'malignant' else WARNING,
            'pathology of a normal view',
            where,
            f"'pathology' is {pathology}, 'abnormal': false",
        )
    birads = image['birads']
    if (birads == '1' and abnormal) or (_is_suspicious(birads) and abnormal is False):
        yield Finding(
            WARNING,
            'BI-RADS against abnormal',
            where,
            f"BI-RADS {birads}, 'abnormal': {json.dumps(abnormal)}",
        )
    yield from _check_birads(where, birads, pathology)


def _check_birads(
    where: str, birads: str | None, pathology: str | None
) -> Iterator[Finding]:
    if (pathology == 'malignant' and birads in _NEGATIVE) or (
        pathology == 'benign' and birads == '6'
    ):
        yield Finding(
            WARNING,
            'BI-RADS against pathology',
            where,
            f'BI-RADS {birads}, {pathology}',
        )


def _is_suspicious(birads: str | None) -> bool:
    return birads is not None and birads[0] in _SUSPICIOUS


def _check_lesions(
    image: dict[str, Any], lesions: Sequence[_Lesion]
) -> Iterator[Finding]:
    """Check lesions against their view and against each other."""
    seen: list[tuple[dict[str, Any], str]] = []
    for annotation, _, where in lesions:
        pathology, birads = annotation['pathology'], annotation['birads']
        if image['abnormal'] is False:
            yield Finding(
                WARNING,
                'lesion in a normal view',
                where,
                "the image has 'abnormal': false",
            )
        elif image['birads'] == '1' and not image['abnormal']:
            yield Finding(
                WARNING,
                'lesion in a view of BI-RADS 1',
                where,
                'BI-RADS 1 says that nothing was found',
            )
        if pathology == 'malignant' and image.get('pathology') == 'benign':
            yield Finding(
                ERROR,
                'malignant lesion in a benign view',
                where,
                "the image has 'pathology': benign, its lesion malignant",
            )
        if None not in (birads, image['birads']) and (
            birads[0] > image['birads'][0] > '0'
        ):
            yield Finding(
                WARNING,
                'BI-RADS of a lesion above its view',
                where,
                f'lesion {birads}, view {image["birads"]}',
            )
        yield from _check_birads(where, birads or image['birads'], pathology)
        twin = next(
            (
                place
                for other, place in seen
                if other['category_id'] == annotation['category_id']
                and same_outline(other, annotation)
            ),
            None,
        )
        if twin:
            yield Finding(
                WARNING,
                'duplicate lesion',
                where,
                f'same category and outline as {twin}',
            )
        seen.append((annotation, where))


def _check_malignant(
    where: str, image: dict[str, Any], breast: Sequence[_Lesion]
) -> Iterator[Finding]:
    found = {lesion.annotation['pathology'] for lesion in breast}
    if image.get('pathology') == 'malignant' and found == {'benign'}:
        yield Finding(
            WARNING,
            'malignant view of a breast with benign lesions',
            where,
            f'all {len(breast)} annotations of the breast are benign',
        )


def _check_breasts(part: Part) -> Iterator[Finding]:
    breasts: dict[tuple, list[dict]] = defaultdict(list)
    for image in part.data['images']:
        breasts[_breast(image)].append(image)
    for images in breasts.values():
        for name in _OF_BREAST:
            values = {image.get(name) for image in images} - {None}
            if len(values) > 1:
                yield Finding(
                    WARNING,
                    'views of a breast disagree',
                    f'{part.at(images[0])} and its breast',
                    f'{name}: {", ".join(json.dumps(v) for v in sorted(values))}',
                )


def _check_same_lesions(parts: Sequence[Part]) -> Iterator[Finding]:
    """Check that a lesion_id has the same labels in all views."""
    first: dict[str, dict[str, tuple[Any, str]]] = defaultdict(dict)
    for part in parts:
        for annotation, _, where in part.annotated():
            if annotation['lesion_id'] is None:
                continue
            known = first[annotation['lesion_id']]
            for name in ('pathology', 'birads', 'category_id'):
                value = annotation[name]
                if value is None:
                    continue
                other, place = known.setdefault(name, (value, where))
                if other != value:
                    yield Finding(
                        ERROR if name == 'pathology' else WARNING,
                        'lesion differs between its views',
                        where,
                        f'{name} {value}, but {other} of the same lesion_id in {place}',
                    )
