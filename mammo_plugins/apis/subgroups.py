"""Results of a test by subgroups of patients, images and lesions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mammo_plugins.evaluation.functional import merge_breasts, subgroup_table
from mammo_plugins.io import JsonError, read_json
from mammo_plugins.structures import load_coco_exam
from mammo_plugins.structures.fields import is_number

from .calibration import DECIMALS, Calibration
from .config_loading import ConfigError
from .tested_model import refuse_other_annotations, refuse_other_calibration
from .tested_samples import WRITTEN, read_samples

SIZE = 'lesion_size_mm'
_LESION = 'lesion.'
Edges = tuple[float, ...]


class Column(NamedTuple):
    """A column of the annotations that groups samples.

    Args:
        name (str): Field of ``images[]``, or with 'lesion.' of ``annotations[]``, or
            'lesion_size_mm'.
        edges (tuple[float]): Ascending limits between groups of numbers; empty to group
            by value.
    """

    name: str
    edges: Edges = ()

    @classmethod
    def parse(cls, text: str) -> 'Column':
        """Parse a column such as 'density' or 'age=50,60,70'.

        Raises:
            ValueError: If the edges are not ascending numbers.
        """
        name, equals, written = text.partition('=')
        try:
            edges = tuple(map(float, written.split(','))) if equals else ()
        except ValueError:
            edges = (np.nan,)
        if (
            not name
            or not np.isfinite(edges).all()
            or list(edges) != sorted(set(edges))
        ):
            raise ValueError(
                f'{text}: expected a column, or COLUMN=EDGE,EDGE,... with ascending '
                'numbers'
            )
        return cls(name, edges)

    @property
    def groups(self) -> list[str]:
        """list[str]: Names of the groups that the edges define."""
        if not self.edges:
            return []
        inner = [f'{a:g} to {b:g}' for a, b in zip(self.edges, self.edges[1:])]
        return [f'below {self.edges[0]:g}', *inner, f'{self.edges[-1]:g} and more']

    def group_of(self, values: Sequence[Any]) -> str | None:
        """Return the group of a sample.

        Args:
            values (Sequence): Values of its images, ``None`` if unknown.

        Raises:
            ValueError: If there are edges and a value is not a number.
        """
        found = set()
        for value in values:
            if value is None:
                continue
            if self.edges and not is_number(value):
                raise ValueError(f'{value!r} is no number, which the edges could part')
            found.add(
                self.groups[int(np.searchsorted(self.edges, value, side='right'))]
                if self.edges
                else str(value)
            )
        return found.pop() if len(found) == 1 else 'mixed' if found else None


class Annotations:
    """Annotations of images and their lesions, by column.

    Args:
        path (str | Path): A COCO-exam JSON.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        data = load_coco_exam(path)
        self.images = {str(image['id']): image for image in data['images']}
        self.lesions: dict[str, list[dict]] = {}
        for lesion in data['annotations']:
            if not lesion['iscrowd']:
                self.lesions.setdefault(str(lesion['image_id']), []).append(lesion)
        self.columns = {key for image in data['images'] for key in image}
        self.lesion_columns = {key for each in data['annotations'] for key in each}

    def of_lesions(self, column: Column) -> bool:
        """Return whether a column describes lesions.

        Raises:
            ConfigError: If there is no such column.
        """
        name = column.name
        if (
            name == SIZE
            or name.removeprefix(_LESION) in self.lesion_columns
            and (name.startswith(_LESION))
        ):
            return True
        if name in self.columns:
            return False
        raise ConfigError(
            f'{self.path}: no column {name!r} in images; there are '
            f'{", ".join(sorted(self.columns))}; of lesions {SIZE}, '
            + ', '.join(f'{_LESION}{each}' for each in sorted(self.lesion_columns))
        )

    def values(self, column: Column, images: Sequence[str]) -> list[Any]:
        """Return a column's values for the images of a sample.

        Args:
            column (Column): The column; for lesions, the value of the largest one is
                used.
            images (Sequence[str]): Their ids.
        """
        if not self.of_lesions(column):
            return [self.images[each].get(column.name) for each in images]
        lesions = [
            (self._size(lesion, self.images[each]), i, lesion)
            for each in images
            for i, lesion in enumerate(self.lesions.get(each, ()))
        ]
        if not lesions:
            return []
        size, _, largest = max(lesions, key=lambda each: (each[0] or 0, -each[1]))
        if column.name == SIZE:
            return [size]
        return [largest.get(column.name.removeprefix(_LESION))]

    @staticmethod
    def _size(lesion: dict, image: dict) -> float | None:
        """Return the longer side of a lesion's box in mm."""
        spacing = image.get('pixel_spacing_mm')
        if spacing is None:
            return None
        _, _, width, height = lesion['bbox']
        return max(height * spacing[0], width * spacing[1])


def subgroups(
    result: str | Path,
    annotations: str | Path,
    columns: Sequence[Column],
    threshold: float | None = None,
    calibration: Calibration | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, list[dict]]:
    """Return a table for each column.

    Args:
        result (str | Path): A file of ``ROCMetric`` or ``FROCMetric``; with the latter,
            samples are images scored by their highest detection.
        annotations (str | Path): The file that was tested.
        columns (Sequence[Column]): Columns to group by. A lesion column groups the
            positives; each group is compared with all negatives.
        threshold (float, optional): Threshold on the scores of samples. Defaults to
            ``None``.
        calibration (Calibration, optional): Use exams at the calibration's threshold
            instead. Defaults to ``None``.
        n_bootstrap (int), seed (int): Bootstrap draws of patients for the intervals,
            and their seed. Default to 1000 and 0.

    Returns:
        dict[str, list[dict]]: Results of
            :func:`~mammo_plugins.evaluation.functional.subgroup_table`, by column.

    Raises:
        FileNotFoundError, JsonError, AnnotationError, ConfigError: If a file is
            invalid, the files do not belong together, or a column does not exist.
    """
    known = Annotations(annotations)
    labels, scores, patients, images = _samples(result, known, calibration)
    if calibration is not None:
        threshold = calibration.operating_point['threshold']
    tables = {}
    for column in columns:
        of_lesions = known.of_lesions(column)
        try:
            groups = [
                None
                if of_lesions and not label
                else column.group_of(known.values(column, names))
                for label, names in zip(labels, images)
            ]
        except ValueError as error:
            raise ConfigError(f'{annotations}: column {column.name}: {error}') from None
        tables[column.name] = subgroup_table(
            labels,
            scores,
            patients,
            groups,
            threshold,
            of_lesions,
            n_bootstrap,
            seed,
            order=column.groups,
        )
    return tables


def _samples(
    result: str | Path, known: Annotations, calibration: Calibration | None
) -> tuple[list, list, list, list[list[str]]]:
    """Return labels, scores, patients and images of samples, or of exams."""
    if not Path(result).is_file():
        raise FileNotFoundError(f'{result}: no such file; mammo test writes it')
    summary = read_json(result)
    rows = read_samples(summary, result) if isinstance(summary, dict) else None
    if rows is None:
        raise JsonError(f'no samples; {WRITTEN}', result)
    refuse_other_annotations(summary, result, known.path)
    if calibration is not None:
        refuse_other_calibration(summary, result, calibration)
    lost = sum(
        not row.images or not known.images.keys() >= set(row.images) for row in rows
    )
    if lost:
        raise ConfigError(
            f'{result}: {lost} of {len(rows)} samples are of images that {known.path} '
            'lacks; give the annotation file that was tested'
        )
    labels, scores, patients, exams, images = (
        map(list, zip(*rows)) if rows else [[]] * 5
    )
    if calibration is None:
        return labels, scores, patients, images
    if None in exams:
        raise ConfigError(
            f'{result}: samples do not state their exam; add exam_id to the '
            "meta_keys of the test pipeline's last step, and test again"
        )
    together: dict[Any, list[str]] = {}
    for exam, names in zip(exams, images):
        together.setdefault(exam, []).extend(names)
    positive, merged, first = merge_breasts(
        labels, np.round(scores, DECIMALS), exams, 'max'
    )
    owners = [patients[i] for i in first]
    return positive.tolist(), merged.tolist(), owners, list(together.values())
