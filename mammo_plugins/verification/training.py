"""Refusing faulty data before training, by the same checks without opening an image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo_plugins.printable import one_line
from mammo_plugins.structures import (
    ImageRoots,
    load_coco_exam,
    refuse_faults,
    validate_coco_exam,
)

from .entries import ERROR, Finding, Part, check_exams, check_geometry, check_lesion_ids
from .files import check_files
from .labels import check_labels


def check_entries(part: Part) -> Iterator[Finding]:
    """Run all checks that need only one annotation file."""
    yield from check_exams(part)
    yield from check_geometry(part)
    yield from check_labels([part])
    yield from check_lesion_ids([part])
    yield from check_files([part], on_disk=False)


def load_sound_exams(
    path: str | Path,
    roots: ImageRoots = ImageRoots(),
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Read a COCO-exam JSON to train or test with.

    Args:
        path (str | Path): The file.
        roots (ImageRoots): The folders that may contain its images.
        data (dict, optional): The JSON if it is already in memory; ``path`` is then
            only its name in messages. Defaults to ``None``.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not JSON, its schema is wrong, or ``mammo verify``
            reports an error in it that needs no image.
    """
    if data is None:
        data = load_coco_exam(path, outlines=False, roots=roots)
    else:
        refuse_faults(path, validate_coco_exam(data, outlines=False, roots=roots))
    part = Part(one_line(Path(path).stem), roots, data, True, bool(data['annotations']))
    if data['images']:
        refuse_faults(
            path,
            [
                f'{found.where}: {found.check}: {found.message}'
                for found in check_entries(part)
                if found.severity == ERROR
            ],
            'errors that mammo verify lists too',
        )
    return data
