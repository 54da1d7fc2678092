"""Comparing the files of a data set with its annotation files."""

import hashlib
import os.path as osp
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, breast_mask
from mammo_plugins.io import (
    DicomWarnings,
    Mammogram,
    MammogramError,
    MammogramHeader,
    read_header,
    read_mammogram,
)
from mammo_plugins.stopping import worker_pool
from mammo_plugins.structures import VIEWS

from .entries import ERROR, WARNING, Finding, Part


def check_files(parts: Sequence[Part], on_disk: bool = True) -> Iterator[Finding]:
    """Check for files that are missing or used by two images.

    Args:
        parts (Sequence[Part]): The data set's parts.
        on_disk (bool): Whether to look for the files and to resolve links. Defaults to
            True; otherwise only names are compared.
    """
    owner: dict[str, str] = {}
    for part in parts:
        for image in part.data['images']:
            path, where = part.roots.path(image['file_name']), part.at(image)
            first = owner.setdefault(osp.realpath(path) if on_disk else path, where)
            if first != where:
                yield Finding(
                    ERROR, 'duplicated file', where, f'it has the file of {first}'
                )
            if on_disk and not osp.isfile(path):
                yield Finding(
                    ERROR,
                    'missing file',
                    where,
                    'no such file below the data root (--data-root)',
                )


class Task(NamedTuple):
    """The facts that a worker needs to check one file."""

    where: str
    path: Path
    image: dict
    boxes: list[Sequence[float]]
    pixels: bool


def make_tasks(parts: Sequence[Part], pixels: bool) -> list[Task]:
    """List the existing files; ``pixels`` sets whether to read them completely."""
    tasks = []
    for part in parts:
        boxes = defaultdict(list)
        for annotation in part.data['annotations']:
            boxes[annotation['image_id']].append(annotation['bbox'])
        for image in part.data['images']:
            path = Path(part.roots.path(image['file_name']))
            if path.is_file():
                tasks.append(
                    Task(part.at(image), path, image, boxes[image['id']], pixels)
                )
    return tasks


def check_image(task: Task) -> tuple[list[Finding], str | None]:
    """Check a file against its entry.

    Returns:
        tuple: Findings, and a digest of the pixels if they were read.
    """
    with DicomWarnings() as warned:
        try:
            facts = (read_mammogram if task.pixels else read_header)(task.path)
        except MammogramError as error:
            return [Finding(ERROR, 'unreadable file', task.where, error.reason)], None
    findings = [
        Finding(WARNING, warning.kind, task.where, warning.detail)
        for warning in facts.warnings
    ]
    findings += [
        Finding(WARNING, 'odd DICOM header', task.where, f'pydicom: {kind}')
        for kind in sorted(warned.kinds)
    ]
    findings += compare_header(task, facts)
    if not task.pixels:
        return findings, None
    findings += compare_pixels(task, facts)
    return findings, hashlib.sha256(facts.pixels.tobytes()).hexdigest()


def compare_header(task: Task, facts: Mammogram | MammogramHeader) -> Iterator[Finding]:
    """Check size, laterality and view against the file's header."""
    image = task.image
    size = facts.header['columns'], facts.header['rows']
    if size != (image['width'], image['height']):
        yield Finding(
            ERROR,
            'size differs',
            task.where,
            f'file {size[0]} x {size[1]}, JSON {image["width"]} x '
            f'{image["height"]} (w x h)',
        )
    if facts.laterality not in (None, image['laterality']):
        yield Finding(
            ERROR,
            'laterality differs from the header',
            task.where,
            f'file {facts.laterality}, JSON {image["laterality"]}',
        )
    if facts.view not in (None, image['view']):
        severity = ERROR if facts.view in VIEWS else WARNING
        yield Finding(
            severity,
            'view differs from the header',
            task.where,
            f'file {facts.view}, JSON {image["view"]}',
        )


def compare_pixels(task: Task, mammogram: Mammogram) -> Iterator[Finding]:
    """Check where the breast is, and whether the boxes are on it."""
    image = task.image
    frame = CanonicalFrame.of(
        mammogram.pixels, 0, mammogram.orientation, image['laterality'], image['view']
    )
    if not frame.found:
        yield Finding(
            WARNING,
            'no breast found',
            task.where,
            'nothing stands out from the background',
        )
        return
    for remark in frame.remarks(image['laterality']):
        kind = (
            'laterality differs from the pixels'
            if 'laterality' in remark
            else 'is not in the usual hanging orientation'
        )
        yield Finding(WARNING, kind, task.where, remark)
    mask = breast_mask(mammogram.pixels) if task.boxes else None
    for box in task.boxes:
        x1, y1 = np.floor(np.maximum(box[:2], 0)).astype(int)
        x2, y2 = np.ceil(np.maximum(np.add(box[:2], box[2:]), 0)).astype(int)
        inside = mask[y1:y2, x1:x2]
        if inside.size and inside.mean() < 0.5:
            yield Finding(
                WARNING,
                'box off the breast',
                task.where,
                f'[x, y, w, h] = {list(box)}: {inside.mean():.0%} of it on the '
                'breast; mirrored?',
            )


def check_images(tasks: Sequence[Task], workers: int) -> Iterator[Finding]:
    """Check all files, and look for images with the same pixels."""
    owner: dict[str, tuple[str, Path]] = {}
    with worker_pool(workers) if workers > 1 else nullcontext() as pool:
        results = (
            pool.map(check_image, tasks, chunksize=4)
            if pool
            else map(check_image, tasks)
        )
        progress = tqdm(results, total=len(tasks), unit='file', desc='files')
        for (findings, digest), task in zip(progress, tasks):
            yield from findings
            if digest is None:
                continue
            first, path = owner.setdefault(digest, (task.where, task.path))
            if path != task.path:
                yield Finding(
                    ERROR, 'duplicated pixels', task.where, f'same pixels as {first}'
                )
