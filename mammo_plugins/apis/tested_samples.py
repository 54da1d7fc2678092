"""Labels and scores of tested samples, read from the file of a metric."""

from pathlib import Path
from typing import Any, NamedTuple

from mammo_plugins.io import JsonError
from mammo_plugins.structures.fields import is_number

WRITTEN = 'expected a file that mammo test wrote to work_dirs/<config>/test'


class TestedSample(NamedTuple):
    """A scored sample: a view, a breast, a pair, an exam or a patch.

    Args:
        label (int): 0 or 1.
        score (float): Higher means positive.
        patient, exam (int): Numbers valid only within the file; the exam is ``None`` if
            the test did not record it.
        images (tuple[str]): Ids of its views in the annotations.
    """

    label: int
    score: float
    patient: int
    exam: int | None
    images: tuple[str, ...]

    __test__ = False  # not a test for pytest


def read_samples(
    summary: dict[str, Any], path: str | Path
) -> list[TestedSample] | None:
    """Return the labelled samples of a test.

    Args:
        summary (dict): Content of a file of ``ROCMetric`` or ``FROCMetric``.
        path (str | Path): The file, for error messages.

    Returns:
        list[TestedSample] or None: ``None`` if the file has no ``samples``.

    Raises:
        JsonError: If they are not in the format of these metrics.
    """
    columns = summary.get('samples')
    if columns is None:
        return None
    names = TestedSample._fields
    if (
        not isinstance(columns, dict)
        or not all(isinstance(columns.get(name), list) for name in names)
        or len({len(columns[name]) for name in names}) > 1
    ):
        raise JsonError(
            f'field samples: not {", ".join(names)} of one length; {WRITTEN}', path
        )
    rows = [dict(zip(names, row)) for row in zip(*(columns[name] for name in names))]
    for i, row in enumerate(rows):
        sound = dict(
            label=row['label'] in (0, 1, None) and not isinstance(row['label'], bool),
            score=is_number(row['score']),
            patient=is_number(row['patient']),
            exam=row['exam'] is None or is_number(row['exam']),
            images=isinstance(row['images'], list)
            and all(isinstance(each, (int, str)) for each in row['images']),
        )
        wrong = [name for name in names if not sound[name]]
        if wrong:
            raise JsonError(
                f'field samples.{wrong[0]}: {row[wrong[0]]!r:.80} of sample {i}; '
                f'{WRITTEN}',
                path,
            )
        row['images'] = tuple(map(str, row['images']))
    return [TestedSample(**row) for row in rows if row['label'] is not None]
