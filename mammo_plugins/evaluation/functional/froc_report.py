"""The figures of a FROC evaluation as a JSON object and as a table."""

from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.io import read_json
from mammo_plugins.structures.fields import is_number

from .bootstrap import no_interval, percentile_interval, to_json
from .froc import (
    FROCCurve,
    FROCData,
    bootstrap_froc,
    froc_curve,
    operating_index,
    recall_at_fppi,
)

FORMAT = 'mammo_plugins.froc/1'
# what must match to compare two curves, and what should
_RULE = {'match': 'match', 'iou_thr': 'IoU threshold'}
_DATA = ('images', 'normal_images', 'lesions')
_MATCHES = {'bbox': 'boxes', 'mask': 'masks'}
# FPPIs at which the band is drawn: dense where detectors are compared.
BAND_FPPI = np.concatenate(([0], np.geomspace(0.01, 10, 61)))


def rule_sentence(summary: dict) -> str:
    """Describe the rule behind the figures, to be printed next to them.

    Args:
        summary (dict): From :func:`froc_summary`.
    """
    kind = _MATCHES[summary['match']]
    unit = summary['resampling_unit']
    interval = 'no CI'
    if summary.get('no_interval'):  # missing in files of earlier versions
        interval += f': {summary["no_interval"]}'
    elif summary['n_bootstrap']:
        interval = (
            f'95% CI: percentiles of {summary["n_bootstrap"]} bootstrap draws '
            f'of {unit}, seed {summary["seed"]}'
        )
    return (
        f'A lesion is found if a detection has IoU > {summary["iou_thr"]:g} '
        f'with it ({kind}); a detection counts for the lesion of highest '
        'IoU; a lesion counts once, and further detections on it are neither '
        'hits nor false positives. FPPI: false positives over all '
        f'{summary["counts"]["images"]} images, '
        f'{summary["counts"]["normal_images"]} normals included. Recall at an '
        'FPPI is the highest at or below it, without interpolation. '
        f'{interval}.'
    )


def froc_summary(
    data: FROCData,
    iou_thr: float,
    match: str,
    fppi: Sequence[float] = (0.5, 1.0, 2.0),
    n_bootstrap: int = 1000,
    seed: int = 0,
    resampling_unit: str = 'patients',
) -> dict:
    """Summarize a FROC evaluation.

    Args:
        data (FROCData): The matched detections of a data set.
        iou_thr (float): IoU threshold of the matching.
        match (str): 'bbox' or 'mask', what the IoU was computed from.
        fppi (Sequence[float]): Operating points in false positives per image.
            Defaults to (0.5, 1, 2).
        n_bootstrap (int): Number of bootstrap draws; 0 gives no intervals.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        resampling_unit (str): Noun for what ``data`` calls a patient.
            Defaults to 'patients'.

    Returns:
        dict: Ready for JSON. Unknown values (recall without lesions, the threshold of a
            point without detections) are None. The curve contains the corners of the
            step function; only points between two corners are lost. ``draws`` contains
            the recall of each bootstrap draw at each FPPI. Two systems tested on the
            same patients with the same seed have draws of the same patients, so you can
            compute differences. ``no_interval`` states why there is no interval if
            fewer than two patients have a lesion, otherwise it is ''; the draws are
            then None.
    """
    curve = froc_curve(data)
    normals = froc_curve(data, normals_only=True)
    index = operating_index(curve, fppi)
    values = np.concatenate((np.asarray(fppi, dtype=float), BAND_FPPI))
    draws = bootstrap_froc(data, values, n_bootstrap, seed)
    lacking = no_interval(
        np.flatnonzero(data.lesions).tolist(), 'a lesion', resampling_unit
    )
    if lacking:
        draws[:] = np.nan
    low, high = percentile_interval(draws)
    columns = dict(
        fppi=np.asarray(fppi, dtype=float),
        recall=recall_at_fppi(curve, fppi),
        low=low[: len(fppi)],
        high=high[: len(fppi)],
        threshold=curve.thresholds[index],
        fppi_reached=curve.fppi[index],
        recall_normals=recall_at_fppi(normals, fppi),
    )
    points = [dict(zip(columns, row)) for row in zip(*map(to_json, columns.values()))]
    reached = BAND_FPPI <= curve.fppi[-1]
    summary = dict(
        format=FORMAT,
        iou_thr=float(iou_thr),
        match=match,
        n_bootstrap=int(n_bootstrap),
        seed=int(seed),
        resampling_unit=resampling_unit,
        no_interval=lacking if n_bootstrap else '',
        counts=dict(
            images=int(data.images.sum()),
            normal_images=int(data.normals.sum()),
            lesions=int(data.lesions.sum()),
            resampling_units=len(data.images),
            detections=len(data.scores),
            false_positives=len(data.fp_scores),
        ),
        operating_points=points,
        all_detections=dict(
            recall=to_json(curve.recall[-1:])[0], fppi=float(curve.fppi[-1])
        ),
        curve=_corners(curve),
        band=dict(
            fppi=to_json(BAND_FPPI[reached]),
            low=to_json(low[len(fppi) :][reached]),
            high=to_json(high[len(fppi) :][reached]),
        ),
        draws=[to_json(draw.round(6)) for draw in draws[:, : len(fppi)]],
    )
    summary['rule'] = rule_sentence(summary)
    return summary


def _corners(curve: FROCCurve) -> dict[str, list]:
    """Return the points where recall changes, and the last one before each change."""
    changes = np.flatnonzero(np.diff(curve.recall) > 0)
    keep = np.unique(np.concatenate(([0], changes, changes + 1, [len(curve.fppi) - 1])))
    return dict(
        threshold=to_json(curve.thresholds[keep]),
        recall=to_json(curve.recall[keep]),
        fppi=to_json(curve.fppi[keep]),
    )


def format_table(summaries: dict[str, dict]) -> str:
    """Format one or several evaluations as a plain-text table.

    Args:
        summaries (dict[str, dict]): Results of :func:`froc_summary`, by name.

    Returns:
        str: One line per name and operating point.
    """
    header = (
        'run',
        'FPPI',
        'recall',
        '95% CI',
        'score >=',
        'recall, FPPI over normals',
    )
    rows = [header]
    for name, summary in summaries.items():
        for point in summary['operating_points']:
            interval = (
                f'[{point["low"]:.3f}, {point["high"]:.3f}]'
                if point['low'] is not None
                else '-'
            )
            rows.append(
                (
                    name,
                    f'{point["fppi"]:g}',
                    _decimal(point['recall']),
                    interval,
                    _threshold(point['threshold']),
                    _decimal(point['recall_normals']),
                )
            )
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows
    ]
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join(lines)


def _decimal(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


def _threshold(value: float | None) -> str:
    """Format a threshold so that the rounded value gives the same detections.

    Rounded to nearest, it could exceed the score of the last detection.
    """
    if value is None:
        return '-'
    return str(Decimal(repr(float(value))).quantize(Decimal('1e-6'), ROUND_FLOOR))


def _is_known(value: Any) -> bool:
    return value is None or is_number(value)


def _has(sound: Callable[[Any], bool], *keys: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and all(key in value and sound(value[key]) for key in keys)
    )


def _are_points(value: Any) -> bool:
    return isinstance(value, list) and all(
        _has(is_number, 'fppi')(point)
        and _has(_is_known, 'recall', 'low', 'high', 'threshold', 'recall_normals')(
            point
        )
        and (point['low'] is None) == (point['high'] is None)
        for point in value
    )


def _are_columns(*keys: str, least: int = 0) -> Callable[[Any], bool]:
    """Return a check for lists of one length, of numbers or ``None``."""

    def sound(value: Any) -> bool:
        if not _has(
            lambda column: isinstance(column, list) and all(map(_is_known, column)),
            *keys,
        )(value):
            return False
        lengths = {len(value[key]) for key in keys}
        return len(lengths) == 1 and lengths.pop() >= least

    return sound


def _is_curve(value: Any) -> bool:
    return _are_columns('threshold', 'recall', 'fppi', least=1)(value) and all(
        map(is_number, value['fppi'])
    )


def _is_band(value: Any) -> bool:
    if not _are_columns('fppi', 'low', 'high')(value):
        return False
    # without intervals all values are unknown
    edges = [edge is None for edge in value['low'] + value['high']]
    return all(map(is_number, value['fppi'])) and (all(edges) or not any(edges))


# fields read from a file, and their checks
_FIELDS: dict[str, Callable[[Any], bool]] = dict(
    iou_thr=is_number,
    match=lambda value: isinstance(value, str) and value in _MATCHES,
    n_bootstrap=is_number,
    resampling_unit=lambda value: isinstance(value, str),
    counts=_has(is_number, 'images', 'normal_images', 'lesions'),
    operating_points=_are_points,
    curve=_is_curve,
    band=_is_band,
    rule=lambda value: isinstance(value, str),
)


def read_froc(path: str | Path) -> dict:
    """Read a ``froc.json``.

    Args:
        path (str or Path): A file written by ``FROCMetric``.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If the file is of another kind or damaged; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file; FROCMetric(out_dir=...) writes it'
        )
    summary = read_json(path)
    found = summary.get('format') if isinstance(summary, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{path}: field 'format' is {found!r}, expected {FORMAT!r}; "
            'was it written by FROCMetric?'
        )
    wrong = [key for key, sound in _FIELDS.items() if not sound(summary.get(key))]
    if wrong:
        raise ValueError(
            f'{path}: fields {wrong} are missing or invalid; the file is damaged, '
            'so evaluate again'
        )
    return summary


def different_data(summaries: dict[str, dict]) -> list[str]:
    """Check whether curves may be shown in one figure.

    Args:
        summaries (dict[str, dict]): Files' contents by name.

    Returns:
        list[str]: Warnings about curves from different test data.

    Raises:
        ValueError: If two curves were computed by different rules.
    """
    (first, base), *others = summaries.items()
    warnings = []
    for name, summary in others:
        for key, text in _RULE.items():
            if summary[key] != base[key]:
                raise ValueError(
                    f'{text} is {base[key]} for {first!r} but {summary[key]} for '
                    f'{name!r}: such curves cannot be compared; evaluate both '
                    'with the same FROCMetric'
                )
        counts, expected = summary['counts'], base['counts']
        if any(counts[key] != expected[key] for key in _DATA):
            warnings.append(
                f'{first!r} and {name!r} were evaluated on different data: '
                + ' and '.join(
                    f'{c["images"]} images with {c["lesions"]} lesions'
                    for c in (expected, counts)
                )
            )
    return warnings
